#include "train/course.h"

#include <math.h>

#define PI 3.14159265358979323846

double limn_course_cosine(double first, double last, uint64_t step, uint64_t horizon) {
  const double done = horizon ? (double)(step < horizon ? step : horizon) / (double)horizon : 0;
  return last + (first - last) * 0.5 * (1 + cos(PI * done));
}
