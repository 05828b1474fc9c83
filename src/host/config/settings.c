/* The one table of settings. */
#include "config/settings.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

#define DCGAN       (1u << LIMN_MODEL_DCGAN)
#define SNGAN       (1u << LIMN_MODEL_SNGAN)
#define R3GAN       (1u << LIMN_MODEL_R3GAN)
#define PROJECTED   (1u << LIMN_MODEL_PROJECTED)
#define VAE         (1u << LIMN_MODEL_VAE)
#define AUTOENCODER (1u << LIMN_MODEL_AUTOENCODER)
#define FREE_GANS   (DCGAN | SNGAN | R3GAN) /* whose discriminator sees pictures themselves */
#define GANS        (FREE_GANS | PROJECTED)
#define LIKELIHOODS (VAE | AUTOENCODER)
#define DRAWN       (GANS | VAE | AUTOENCODER) /* whose pictures can be drawn: an autoencoder's with the regularizer mmd */
#define ALL         (~0u)

#define NAME(name_, group_, models_) .setting.name = name_, .setting.group = group_, .setting.models = models_
#define FLAG(flag_)                  .setting.flag = flag_
#define HELP(help_)                  .setting.help = help_
/* On resume a setting is fixed, unless its row says one of these. */
#define FREE            .setting.resume = LIMN_RESUME_FREE
#define INEXACT         .setting.resume = LIMN_RESUME_INEXACT
#define DEFAULT(value_) DEFAULTS("", {ALL, value_})
/* Where models differ: {models, value}, ..., up to 4, of which the first that fits counts. A setting of some models has
 * a default for the others too: the value that they have for good. */
#define DEFAULTS(reference_, ...) .setting.defaults = {__VA_ARGS__}, .setting.reference = reference_

#define FIELD(type_, kind_, field_) .setting.type = type_, .kind = kind_, .offset = offsetof(struct limn_config, field_)
#define INT(field_)                 FIELD("integer", LIMN_SETTING_INT, field_)
#define INT64(field_)               FIELD("integer", LIMN_SETTING_INT64, field_)
#define NUMBER(field_)              FIELD("number", LIMN_SETTING_NUMBER, field_)
#define SWITCH(field_)              FIELD("flag", LIMN_SETTING_FLAG, field_), RANGE("true|false")
#define CHOICE(field_, range_)      FIELD("choice", LIMN_SETTING_CHOICE, field_), RANGE(range_)
#define PATH(field_, range_)        FIELD("path", LIMN_SETTING_TEXT, field_), RANGE(range_)

/* The text of a range and the bounds that are checked come from the same numbers. */
#define RANGE(text_)           .setting.range = text_
#define FROM_TO(least_, most_) RANGE(#least_ " to " #most_), .minimum = least_, .maximum = most_
#define FROM_UNDER(least_, end_)                                                                                       \
  RANGE(#least_ " to under " #end_), .minimum = least_, .maximum = end_, .maximum_open = true
#define OVER(bound_)     RANGE("over " #bound_), .minimum = bound_, .minimum_open = true, .maximum = INFINITY
#define AT_LEAST(least_) RANGE(#least_ " or more"), .minimum = least_, .maximum = INFINITY
#define STEPS            FROM_TO(0, 1000000000000)

/* clang-format off */
static const limn_setting_row table[] = {
    {NAME("data", "data", ALL), FREE, FLAG("data"), PATH(data, "an existing path"), DEFAULT(""),
     HELP("the pictures: a folder or an archive (zip, tar) of picture files; IDX, CIFAR, .npy or .npz files")},
    {NAME("size", "data", ALL), FLAG("size"), FIELD("size", LIMN_SETTING_SIZE, height),
     RANGE("64, or 48x80 for HEIGHTxWIDTH, 8 to 1024 a side; 0: from the data"), .minimum = 8, .maximum = 1024,
     DEFAULT("0"), HELP("height and width of the pictures")},
    {NAME("channels", "data", ALL), FLAG("channels"), FIELD("integer", LIMN_SETTING_CHANNELS, channels),
     RANGE("1 or 3; 0: from the data"), DEFAULT("0"), HELP("1 for grey pictures, 3 for colour")},
    {NAME("validation", "data", ALL), NUMBER(validation), FROM_TO(0, 0.5), DEFAULTS("", {GANS, "0"}, {LIKELIHOODS, "0.1"}),
     HELP("part of the pictures that is held out of training")},
    {NAME("workers", "data", ALL), FREE, INT(workers), FROM_TO(0, 64), DEFAULT("0"),
     HELP("threads that read pictures; 0: chosen")},
    {NAME("background", "data", ALL), FIELD("text", LIMN_SETTING_COLOR, background), RANGE("#rrggbb"),
     DEFAULT("#ffffff"), HELP("colour under transparent pixels and beside padded pictures")},
    {NAME("fit", "data", ALL), FLAG("fit"), CHOICE(fit, "crop|pad|stretch"), DEFAULT("crop"),
     HELP("how pictures of another shape come to the size: their middle, background beside them, or stretched")},
    {NAME("labels", "data", ALL), FREE, FLAG("labels"), PATH(labels, "a file: CSV, or words and spaces"), DEFAULT(""),
     HELP("labels of the pictures in a folder or an archive; without it their sub-folders are the labels")},
    {NAME("label_column", "data", ALL), FREE, FLAG("label-column"), FIELD("text", LIMN_SETTING_TEXT, label_column),
     RANGE("a name"), DEFAULT(""),
     HELP("the column of labels that holds them, by its name in the first line; needed where there are several")},
    {NAME("class_balanced", "data", ALL), SWITCH(class_balanced), DEFAULT("false"),
     HELP("draws the classes of the labels equally often: pictures of rare ones come more often, others not in every epoch")},
    {NAME("max_pixels", "data", ALL), FREE, INT64(max_pixels), FROM_TO(1, 500000000), DEFAULT("100000000"),
     HELP("pictures with more pixels are refused before they are decoded")},
    {NAME("flip", "data", ALL), FLAG("flip"), SWITCH(flip), DEFAULT("false"),
     HELP("mirrors every second training picture left to right, at random")},
    {NAME("shift", "data", ALL), FLAG("shift"), INT(shift), FROM_TO(0, 512), DEFAULT("0"),
     HELP("pixels by which training pictures are moved at random, up, down, left and right; edges are repeated")},
    {NAME("crop", "data", ALL), FLAG("crop"), INT(crop), FROM_TO(0, 1024), DEFAULT("0"),
     HELP("pixels by which pictures are read larger than size, to train on a window of that at random")},
    {NAME("on_bad_image", "data", ALL), FREE, FLAG("on-bad-image"), CHOICE(on_bad_image, "fail|skip"), DEFAULT("fail"),
     HELP("what a broken picture does before the first step: ends the run, or is left out and counted")},
    {NAME("cache", "data", ALL), FREE, FLAG("cache"), PATH(cache, "auto, off or a folder"), DEFAULT("auto"),
     HELP("where decoded pictures are kept for the next run; auto: in the user's caches, what takes long to decode")},

    {NAME("filters", "network", ALL), FLAG("filters"), INT(filters), FROM_TO(1, 512),
     DEFAULTS("DCGAN: PyTorch's example", {DCGAN | PROJECTED, "64"}, {SNGAN, "128"}, {R3GAN | LIKELIHOODS, "32"}),
     HELP("filters of the layer next to the picture; each halving of the picture doubles them. sngan: of its "
          "discriminator up to 32 pixels a side, half as many next to larger pictures")},
    {NAME("latent", "network", ALL), FLAG("latent"), INT(latent), FROM_TO(1, 4096),
     DEFAULTS("DCGAN: Radford et al. 2015", {DCGAN, "100"}, {R3GAN, "64"}, {SNGAN | PROJECTED | LIKELIHOODS, "128"}),
     HELP("length of the latent code z")},
    {NAME("norm_d", "network", DCGAN), CHOICE(norm_d, "batch|none"),
     DEFAULTS("Radford et al. 2015", {DCGAN, "batch"}, {ALL, "none"}),
     HELP("what normalises the discriminator's activations; none leaves biases in its place")},
    {NAME("spectral_norm", "network", DCGAN | SNGAN), SWITCH(spectral_norm),
     DEFAULTS("Miyato et al. 2018", {SNGAN, "true"}, {ALL, "false"}),
     HELP("divides each weight of the discriminator by its largest singular value")},
    {NAME("minibatch_stddev", "network", FREE_GANS), SWITCH(minibatch_stddev), DEFAULT("false"),
     HELP("shows the end of the discriminator how much pictures of a batch differ (Karras et al. 2018)")},
    {NAME("generator", "network", PROJECTED), CHOICE(generator, "dcgan|sngan"), DEFAULT("dcgan"),
     HELP("of which model the generator is")},
    {NAME("projector", "network", PROJECTED), FIELD("text", LIMN_SETTING_TEXT, projector),
     RANGE("a network that limn features lists"), DEFAULTS("Sauer et al. 2021", {PROJECTED, "efficientnet_lite0"}, {ALL, ""}),
     HELP("the pretrained network through which the discriminators look")},
    {NAME("projector_size", "network", PROJECTED), INT(projector_size), FROM_TO(64, 1024), DEFAULT("64"),
     HELP("side to which it sees pictures resized")},
    {NAME("head_filters", "network", PROJECTED), INT(head_filters), FROM_TO(1, 512), DEFAULT("32"),
     HELP("filters of the first convolution of each of the four small discriminators")},
    {NAME("residual_blocks", "network", LIKELIHOODS), INT(residual_blocks), FROM_TO(0, 16), DEFAULT("0"),
     HELP("residual blocks of two 3x3 convolutions at each resolution of encoder and decoder")},
    {NAME("encoder", "network", LIKELIHOODS), FIELD("text", LIMN_SETTING_TEXT, encoder),
     RANGE("convolutions, or a network that limn features lists"), DEFAULT("convolutions"),
     HELP("what sees the pictures: the model's own convolutions, or a pretrained network, on a map of which the code is a linear function")},
    {NAME("encoder_tap", "network", LIKELIHOODS), FIELD("text", LIMN_SETTING_TEXT, encoder_tap),
     RANGE("one of its taps, or auto"), DEFAULT("auto"),
     HELP("which map of the pretrained network; auto: its last one. Small pictures want one of the first")},
    {NAME("pretrained_file", "network", PROJECTED | LIKELIHOODS), FREE, PATH(pretrained_file, "a file of its weights"), DEFAULT(""),
     HELP("weights of the pretrained network; without it those that limn features get has brought")},

    {NAME("steps", "length", ALL), FREE, FLAG("steps"), INT64(steps), STEPS, DEFAULT("0"),
     HELP("training steps; 0: from epochs or time; whichever is reached first ends the run")},
    {NAME("epochs", "length", ALL), FREE, FLAG("epochs"), NUMBER(epochs), FROM_TO(0, 1000000),
     DEFAULTS("GANs: PyTorch's example", {GANS, "25"}, {LIKELIHOODS, "50"}), HELP("passes over the data; 0: from steps or time")},
    {NAME("time", "length", ALL), FREE, FLAG("time"), FIELD("duration", LIMN_SETTING_DURATION, time),
     RANGE("90s, 10m, 2h; 0: no limit"), .minimum = 0, .maximum = 1e9, DEFAULT("0"),
     HELP("how long to train in this call, by the clock; a resumed run has as long again")},
    {NAME("until", "length", ALL), FREE, FLAG("until"), CHOICE(until, "length|equilibrium"), DEFAULT("length"),
     HELP("equilibrium: until what is measured no longer gets better and, of a GAN, the discriminator no longer tells "
          "held-out pictures from samples; sets patience, evaluate_every, evaluate_share and validation where nothing else does")},
    {NAME("until_gain", "length", ALL), FREE, NUMBER(until_gain), FROM_TO(0, 1), DEFAULTS("", {GANS, "0.01"}, {ALL, "0.001"}),
     HELP("what the mean of the last three measurements has to get better by to count")},
    {NAME("until_separation", "length", GANS), FREE, NUMBER(until_separation), FROM_TO(0.5, 1), DEFAULT("0.8"),
     HELP("share of pairs of a held-out picture and a sample that the discriminator may still tell apart at the end")},
    {NAME("horizon", "length", ALL), INEXACT, INT64(horizon), STEPS, DEFAULT("0"),
     HELP("steps over which the learning rate's schedule runs, and behind which no run goes whose rate is then 0; 0: the steps of "
          "the first call")},
    {NAME("batch", "length", ALL), FLAG("batch"), FIELD("integer", LIMN_SETTING_BATCH, batch),
     RANGE("1 to 65536, or auto"), .minimum = 1, .maximum = 65536,
     DEFAULTS("DCGAN: measured", {DCGAN, "32"}, {ALL, "64"}),
     HELP("pictures in a training step; auto: as many as fit into the graphics card, on the CPU the default or what fits")},
    {NAME("accumulate", "length", ALL), FLAG("accumulate"), INT(accumulate), FROM_TO(1, 1024), DEFAULT("1"),
     HELP("micro-batches in which a batch is worked through, one in memory at a time; their gradients are summed for one "
          "update. What looks at pictures together, batch normalisation above all, sees a micro-batch")},
    {NAME("patience", "length", ALL), FREE, FLAG("patience"), INT64(patience), FROM_TO(0, 1000000), DEFAULT("0"),
     HELP("validations, or evaluations, without improvement after which the run stops; 0: never. With until equilibrium of their mean")},

    {NAME("loss", "loss", GANS), CHOICE(loss, "non_saturating|minimax|least_squares|hinge|wasserstein|relativistic"),
     DEFAULTS("Goodfellow et al. 2014; Miyato et al. 2018; Huang et al. 2024", {SNGAN | PROJECTED, "hinge"}, {R3GAN, "relativistic"}, {ALL, "non_saturating"}),
     HELP("losses of the discriminator and the generator")},
    {NAME("d_steps", "loss", GANS), INT(d_steps), FROM_TO(1, 100), DEFAULTS("Goodfellow et al. 2014; Miyato et al. 2018", {SNGAN, "5"}, {ALL, "1"}),
     HELP("discriminator steps for each generator step")},
    {NAME("label_smoothing", "loss", GANS), NUMBER(label_smoothing), FROM_UNDER(0, 1), DEFAULT("0"),
     HELP("how far from 1 the discriminator's target for real pictures is (Salimans et al. 2016: 0.1)")},
    {NAME("likelihood", "loss", LIKELIHOODS), CHOICE(likelihood, "bernoulli|gaussian|gaussian_learned|l1"),
     DEFAULTS("Kingma & Welling 2014", {ALL, "bernoulli"}),
     HELP("what the decoder's output says about a pixel: the reconstruction loss")},
    {NAME("sigma", "loss", LIKELIHOODS), NUMBER(sigma), OVER(0), DEFAULT("0.1"),
     HELP("standard deviation of the gaussian likelihood, in units of the pixel range [0, 1]")},
    {NAME("beta", "loss", VAE), NUMBER(beta), AT_LEAST(0), DEFAULTS("Kingma & Welling 2014", {ALL, "1"}),
     HELP("weight of the KL term")},
    {NAME("beta_warmup", "loss", VAE), INT64(beta_warmup), STEPS, DEFAULT("0"),
     HELP("steps over which beta rises from 0")},
    {NAME("free_bits", "loss", VAE), NUMBER(free_bits), AT_LEAST(0), DEFAULT("0"),
     HELP("nats of KL that each latent dimension may use at no cost")},
    {NAME("binarize", "loss", LIKELIHOODS), CHOICE(binarize, "none|threshold|stochastic"), DEFAULT("none"),
     HELP("makes pixels 0 or 1, for the bernoulli likelihood")},
    {NAME("dequantize", "loss", LIKELIHOODS), SWITCH(dequantize), DEFAULT("false"),
     HELP("adds uniform noise below one grey level, so that a gaussian likelihood is a proper density")},
    {NAME("noise", "loss", AUTOENCODER), NUMBER(noise), AT_LEAST(0), DEFAULT("0"),
     HELP("standard deviation of the noise on the input: over 0 is a denoising autoencoder")},
    {NAME("importance_samples", "loss", VAE), INT(importance_samples), FROM_TO(1, 1000), DEFAULT("1"),
     HELP("codes that are drawn for each picture; over 1: the importance-weighted bound instead of the ELBO (Burda et al. 2016)")},
    {NAME("regularizer", "loss", AUTOENCODER), CHOICE(regularizer, "none|mmd|l2"), DEFAULT("none"),
     HELP("what keeps codes together: mmd near N(0, 1), from which pictures can then be drawn (Tolstikhin et al. 2018); l2 near 0, for "
          "limn sample --prior gmm (Ghosh et al. 2020)")},
    {NAME("regularizer_weight", "loss", AUTOENCODER), NUMBER(regularizer_weight), AT_LEAST(0), DEFAULT("0"),
     HELP("what the regularizer is multiplied by, beside a reconstruction in nats a picture; 0: 300 with mmd, 1 with l2")},
    {NAME("decoder_decay", "loss", AUTOENCODER), NUMBER(decoder_decay), AT_LEAST(0), DEFAULT("0.001"),
     HELP("weight of half the squared norm of the decoder's weights, with the regularizer l2")},
    {NAME("perceptual", "loss", LIKELIHOODS), NUMBER(perceptual), AT_LEAST(0), DEFAULT("0"),
     HELP("weight of the distance, from 0 to 4, between a picture and its reconstruction in a map of a pretrained network, beside nats a "
          "picture (Hou et al. 2017); 0: none")},
    {NAME("perceptual_network", "loss", LIKELIHOODS), FIELD("text", LIMN_SETTING_TEXT, perceptual_network),
     RANGE("a network that limn features lists"), DEFAULT("efficientnet_lite0"), HELP("that network")},
    {NAME("perceptual_tap", "loss", LIKELIHOODS), FIELD("text", LIMN_SETTING_TEXT, perceptual_tap),
     RANGE("one of its taps"), DEFAULT("block2"), HELP("and which of its maps")},
    {NAME("perceptual_size", "loss", LIKELIHOODS), INT(perceptual_size), FROM_TO(0, 1024), DEFAULT("0"),
     HELP("side to which it sees pictures resized; 0: as they are")},

    {NAME("r1", "stabilisers", FREE_GANS), NUMBER(r1), AT_LEAST(0), DEFAULTS("R3GAN: Huang et al. 2024, with other sizes", {R3GAN, "1"}, {ALL, "0"}),
     HELP("gamma of the penalty gamma / 2 |slope|^2 on the discriminator at real pictures (Mescheder et al. 2018); 0: none")},
    {NAME("r2", "stabilisers", FREE_GANS), NUMBER(r2), AT_LEAST(0), DEFAULTS("R3GAN: Huang et al. 2024", {R3GAN, "1"}, {ALL, "0"}), HELP("the same at generated pictures")},
    {NAME("gradient_penalty", "stabilisers", FREE_GANS), NUMBER(gradient_penalty), AT_LEAST(0), DEFAULT("0"),
     HELP("lambda of the penalty lambda (|slope| - 1)^2 between real and generated pictures (Gulrajani et al. 2017: 10); 0: none")},
    {NAME("penalty_every", "stabilisers", FREE_GANS), INT(penalty_every), FROM_TO(1, 1000), DEFAULT("1"),
     HELP("takes the penalties in every so many steps only, in a step of the discriminator of their own and as many times as strong "
          "(Karras et al. 2020, StyleGAN2); 1: in each")},
    {NAME("penalty_end", "stabilisers", FREE_GANS), NUMBER(penalty_end), FROM_TO(0, 1), DEFAULT("1"),
     HELP("part of the penalties that is left at the end of the run, to which they fall along a cosine")},
    {NAME("augment", "stabilisers", GANS), FLAG("augment"), CHOICE(augment, "none|diffaugment|ada"), DEFAULTS("PROJECTED: Sauer et al. 2021", {PROJECTED, "diffaugment"}, {ALL, "none"}),
     HELP("changes real and generated pictures at random before the discriminator sees them, for few pictures: always, or as much as it "
          "takes (Zhao et al. 2020; Karras et al. 2020)")},
    {NAME("augment_kinds", "stabilisers", GANS), FIELD("text", LIMN_SETTING_TEXT, augment_kinds),
     RANGE("of color, flip, translation, cutout, with commas"),
     DEFAULTS("Zhao et al. 2020; projected: by measurement, docs/networks.md", {PROJECTED, "translation,cutout"}, {ALL, "color,translation,cutout"}), HELP("which changes")},
    {NAME("ada_target", "stabilisers", GANS), NUMBER(ada_target), FROM_TO(0, 1), DEFAULTS("Karras et al. 2020", {ALL, "0.6"}),
     HELP("mean sign of the discriminator's scores of real pictures over which ada changes more of them")},
    {NAME("ada_pictures", "stabilisers", GANS), NUMBER(ada_pictures), AT_LEAST(1), DEFAULTS("Karras et al. 2020", {ALL, "500000"}),
     HELP("training pictures within which ada may go from no changes to all")},
    {NAME("instance_noise", "stabilisers", GANS), NUMBER(instance_noise), AT_LEAST(0), DEFAULT("0"),
     HELP("standard deviation of noise on all that the discriminator sees, where pixels are in [-1, 1]; falls to 0")},
    {NAME("instance_noise_steps", "stabilisers", GANS), INT64(instance_noise_steps), STEPS, DEFAULT("0"),
     HELP("steps over which it does; 0: those of the run")},
    {NAME("pack", "stabilisers", FREE_GANS), INT(pack), FROM_TO(1, 4), DEFAULT("1"),
     HELP("pictures that the discriminator sees at once, as channels of one (Lin et al. 2018, PacGAN), so that it sees missing variety")},

    {NAME("optimizer", "optimiser", ALL), CHOICE(optimizer, "adam|adamw|sgd"), DEFAULT("adam"),
     HELP("rule that updates the weights")},
    {NAME("lr", "optimiser", ALL), FLAG("lr"), NUMBER(lr), OVER(0),
     DEFAULTS("DCGAN: measured; GANs: Radford et al. 2015; else Kingma & Ba 2015", {DCGAN, "0.0008"}, {FREE_GANS, "0.0002"},
              {ALL, "0.001"}),
     HELP("learning rate; of a GAN the generator's, where lr_d is not 0")},
    {NAME("lr_d", "optimiser", GANS), NUMBER(lr_d), AT_LEAST(0), DEFAULTS("DCGAN: measured", {DCGAN, "0.0002"}, {PROJECTED, "0.00005"}, {ALL, "0"}),
     HELP("learning rate of the discriminator; 0: lr")},
    {NAME("encoder_lr", "optimiser", LIKELIHOODS), NUMBER(encoder_lr), AT_LEAST(0), DEFAULT("0"),
     HELP("learning rate of the encoder's pretrained network; 0: it stays as it is, frozen")},
    {NAME("beta1", "optimiser", ALL), NUMBER(beta1), FROM_UNDER(0, 1),
     DEFAULTS("DCGAN: Radford et al. 2015; SNGAN, R3GAN: their authors; else Kingma & Ba 2015", {DCGAN, "0.5"},
              {GANS, "0"}, {LIKELIHOODS, "0.9"}),
     HELP("decay of Adam's first moment")},
    {NAME("beta2", "optimiser", ALL), NUMBER(beta2), FROM_UNDER(0, 1),
     DEFAULTS("SNGAN, R3GAN: their authors; else Kingma & Ba 2015", {SNGAN, "0.9"}, {R3GAN | PROJECTED, "0.99"}, {ALL, "0.999"}),
     HELP("decay of Adam's second moment")},
    {NAME("beta2_end", "optimiser", ALL), NUMBER(beta2_end), FROM_UNDER(0, 1), DEFAULT("0"),
     HELP("value at the end of the run to which beta2 goes along a cosine (Huang et al. 2024: from 0.9 to 0.99); 0: it stays")},
    {NAME("eps", "optimiser", ALL), NUMBER(eps), OVER(0), DEFAULTS("Kingma & Ba 2015", {ALL, "1e-8"}),
     HELP("what Adam adds to the square root of its second moment")},
    {NAME("weight_decay", "optimiser", ALL), NUMBER(weight_decay), AT_LEAST(0), DEFAULT("0"),
     HELP("pull of the weights towards 0; decoupled from the gradient in adamw")},
    {NAME("momentum", "optimiser", ALL), NUMBER(momentum), FROM_UNDER(0, 1), DEFAULT("0.9"), HELP("momentum of sgd")},
    {NAME("schedule", "optimiser", ALL), CHOICE(schedule, "constant|linear|cosine"),
     DEFAULT("constant"),
     HELP("course of the learning rate: linear and cosine fall to lr_end of it")},
    {NAME("lr_end", "optimiser", ALL), NUMBER(lr_end), FROM_TO(0, 1), DEFAULT("0"),
     HELP("part of the learning rate at which its schedule ends")},
    {NAME("warmup", "optimiser", ALL), INT64(warmup), STEPS, DEFAULT("0"),
     HELP("steps over which the learning rate rises from 0")},
    {NAME("clip", "optimiser", ALL), NUMBER(clip), AT_LEAST(0), DEFAULT("0"),
     HELP("largest norm of a network's gradient; 0: no clipping")},
    {NAME("ema", "optimiser", GANS), NUMBER(ema), FROM_UNDER(0, 1), DEFAULTS("", {DCGAN | R3GAN | PROJECTED, "0.999"}, {ALL, "0"}),
     HELP("decay of the moving average of the generator's weights, from which samples are drawn; at step t, from 0, "
          "at most (1 + t) / (10 + t); 0: no average")},
    {NAME("ema_half_life", "optimiser", GANS), NUMBER(ema_half_life), AT_LEAST(0), DEFAULT("0"),
     HELP("training pictures after which that average has forgotten half, instead of ema: from 0 it rises to so many along a cosine "
          "over the run (Huang et al. 2024); 0: ema says")},

    {NAME("seed", "run", ALL), FLAG("seed"), FIELD("integer", LIMN_SETTING_UINT64, seed),
     RANGE("0 to 18446744073709551615"), DEFAULT("1"), HELP("key of every random number of the run")},
    {NAME("device", "run", ALL), INEXACT, FLAG("device"), FIELD("text", LIMN_SETTING_DEVICE, device),
     RANGE("auto|cpu|cuda|cuda:N"), DEFAULT("auto"), HELP("where to train")},
    {NAME("threads", "run", ALL), INEXACT, FLAG("threads"), INT(threads), FROM_TO(0, 1024), DEFAULT("0"),
     HELP("threads of the CPU device; 0: all that the process may use")},
    {NAME("isa", "run", ALL), INEXACT, FIELD("choice", LIMN_SETTING_WORD, isa), RANGE("auto|avx512|avx2|sse2"),
     DEFAULT("auto"), HELP("instruction set that the CPU device is limited to")},
    {NAME("winograd", "run", ALL), INEXACT, SWITCH(winograd), DEFAULT("true"),
     HELP("lets the CPU device compute convolutions by Winograd's way: faster, a little less exact")},
    {NAME("precision", "run", ALL), INEXACT, FLAG("precision"), FIELD("choice", LIMN_SETTING_WORD, precision),
     RANGE("auto|fp32|tf32|bf16|fp16"), DEFAULT("auto"),
     HELP("number format of the arithmetic; auto: the device's own. CPUs have fp32, and bf16 with AMX")},
    {NAME("deterministic", "run", ALL), INEXACT, FLAG("deterministic"), SWITCH(deterministic), DEFAULT("false"),
     HELP("refuses whatever does not repeat bit for bit")},
    {NAME("autotune", "run", ALL), INEXACT, FLAG("autotune"), SWITCH(autotune), DEFAULT("false"),
     HELP("times the engines for each convolution once; the checkpoint keeps the fastest")},
    {NAME("out", "run", ALL), FREE, FLAG("out"), PATH(out, "a path that does not exist yet, or an empty folder"), DEFAULT(""),
     HELP("the run's folder; without it runs/MODEL-NNN")},
    {NAME("init", "run", ALL), FLAG("init"), PATH(init, "a .safetensors, .pt or .pth file"), DEFAULT(""),
     HELP("weights to start from: a checkpoint, an export, or a state_dict of PyTorch")},
    {NAME("checkpoint_every", "run", ALL), FREE, INT64(checkpoint_every), STEPS, DEFAULT("0"),
     HELP("steps between checkpoints; 0: chosen from the length")},
    {NAME("keep", "run", ALL), FREE, INT(keep), FROM_TO(1, 1000000), DEFAULT("3"),
     HELP("checkpoints that are kept: the newest ones, beside the best")},
    {NAME("keep_every", "run", ALL), FREE, INT64(keep_every), STEPS, DEFAULT("0"),
     HELP("checkpoints of every so many steps are kept for good; 0: of none")},
    {NAME("on_full_disk", "run", ALL), FREE, CHOICE(on_full_disk, "stop|wait"), DEFAULT("stop"),
     HELP("whether a run ends or waits when nothing more can be written")},
    {NAME("sample_every", "run", ALL), FREE, INT64(sample_every), STEPS, DEFAULT("0"),
     HELP("steps between sample pictures; 0: chosen from the length")},
    {NAME("log_every", "run", ALL), FREE, INT64(log_every), STEPS, DEFAULT("0"),
     HELP("steps between lines of metrics.jsonl; 0: 10")},
    {NAME("validate_every", "run", ALL), FREE, INT64(validate_every), STEPS, DEFAULT("0"),
     HELP("steps between validations; 0: chosen from the length")},
    {NAME("sample_count", "run", ALL), INT(sample_count), FROM_TO(1, 1024), DEFAULT("64"),
     HELP("pictures in a sample grid")},

    {NAME("evaluate_every", "evaluation", DRAWN), FREE, FLAG("evaluate-every"), INT64(evaluate_every), STEPS, DEFAULT("0"),
     HELP("steps between evaluations, as by limn evaluate; 0: none. They then decide which checkpoint is the best, and "
          "about patience")},
    {NAME("evaluate_time", "evaluation", DRAWN), FREE, FLAG("evaluate-time"), FIELD("duration", LIMN_SETTING_DURATION, evaluate_time),
     RANGE("such as 90s, 10m, 2h; 0: not by time"), .minimum = 0, .maximum = INFINITY, DEFAULT("0"),
     HELP("time between evaluations, instead of steps; where they come then is the clock's, and differs from run to run")},
    {NAME("evaluate_metrics", "evaluation", DRAWN), FREE, FIELD("text", LIMN_SETTING_TEXT, evaluate_metrics),
     RANGE("of fd, kid, is, pr, prdc, with commas"), DEFAULT("fd,prdc"),
     HELP("what is measured; the first decides which checkpoint is the best")},
    {NAME("evaluate_count", "evaluation", DRAWN), FREE, INT(evaluate_count), FROM_TO(100, 1000000), DEFAULT("2000"),
     HELP("pictures that are drawn for it, and held against up to 10000 of the training's")},
    {NAME("features", "evaluation", DRAWN), FREE, FLAG("features"), FIELD("text", LIMN_SETTING_TEXT, features),
     RANGE("a network that limn features lists, or a file of its weights"), DEFAULT("efficientnet_lite0"),
     HELP("the pretrained network that judges")},
    {NAME("feature_size", "evaluation", DRAWN), FREE, INT(feature_size), FROM_TO(0, 2048), DEFAULT("96"),
     HELP("side of the pictures that it sees; 0: as it was trained, which takes longer")},
    {NAME("evaluate_share", "evaluation", DRAWN), FREE, NUMBER(evaluate_share), FROM_TO(0, 1), DEFAULT("0.05"),
     HELP("part of a run's arithmetic that evaluations may take: they come less often where evaluate_every asks for more; 0: any")},

    {NAME("watch_every", "watch", GANS), FREE, INT64(watch_every), STEPS, DEFAULTS("", {GANS, "100"}, {ALL, "0"}),
     HELP("steps between looks at what the generator draws, which find a collapse; or as many times it as keep them under 1 % of the "
          "run's arithmetic; 0: none")},
    {NAME("watch_count", "watch", GANS), FREE, INT(watch_count), FROM_TO(8, 1024), DEFAULT("64"),
     HELP("pictures that are drawn for it, and held against as many of the training's")},
    {NAME("on_collapse", "watch", GANS), FREE, FLAG("on-collapse"), CHOICE(on_collapse, "warn|stop|restore"), DEFAULT("warn"),
     HELP("what follows when a run has collapsed: a line that says so; its end, with exit code 5; or the newest good checkpoint (the best, "
          "where evaluations choose one) is taken again and trained on at lower rates")},
    {NAME("restore_rate", "watch", GANS), FREE, NUMBER(restore_rate), FROM_TO(0.001, 1), DEFAULT("0.5"),
     HELP("what each restore multiplies both learning rates by")},
    {NAME("restore_limit", "watch", GANS), FREE, INT(restore_limit), FROM_TO(1, 100), DEFAULT("3"),
     HELP("restores after which another collapse ends the run")},
};
/* clang-format on */

#define ROW_COUNT (sizeof table / sizeof *table)
_Static_assert(ROW_COUNT <= LIMN_SETTING_LIMIT, "struct limn_config has room for LIMN_SETTING_LIMIT origins");

size_t limn_setting_count(void) { return ROW_COUNT; }

const limn_setting_row *limn_setting_row_at(size_t index) { return index < ROW_COUNT ? &table[index] : NULL; }

const limn_setting *limn_setting_at(size_t index) { return index < ROW_COUNT ? &table[index].setting : NULL; }

const limn_setting *limn_setting_find(const char *name) {
  for (size_t i = 0; i < ROW_COUNT; ++i)
    if (strcmp(table[i].setting.name, name) == 0)
      return &table[i].setting;
  return NULL;
}

limn_status limn_setting_look_up(const char *name, size_t *index) {
  const char *names[ROW_COUNT];
  for (size_t i = 0; i < ROW_COUNT; ++i) {
    names[i] = table[i].setting.name;
    if (strcmp(names[i], name) == 0) {
      *index = i;
      return LIMN_OK;
    }
  }
  const char *nearest = limn_nearest(name, names, ROW_COUNT);
  if (nearest)
    return limn_fail(LIMN_USAGE, "there is no setting \"%.64s\"; did you mean %s?", name, nearest);
  return limn_fail(LIMN_USAGE, "there is no setting \"%.64s\"; `limn train --help` lists them", name);
}
