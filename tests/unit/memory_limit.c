/* What memory a process may have, told by trees like /proc and /sys/fs/cgroup. */
#include "base/memory_limit.h"

#include <criterion/criterion.h>
#include <sys/resource.h>

#include "support/pictures.h"

TestSuite(memory_limit, .init = test_folder_create, .fini = test_folder_remove, .timeout = 60);

#define MB ((uint64_t)1 << 20)

/* A file below the test's folder, with the folders that it lies in. */
static void put(const char *name, const char *text) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", test_folder, name);
  for (char *slash = path + strlen(test_folder) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
    *slash = '\0';
    mkdir(path, 0755);
  }
  test_write(path, text, strlen(text));
}

/* 8 GB, of which 5 can be had. */
static void put_machine(void) {
  put("proc/meminfo", "MemTotal:        8388608 kB\nMemFree:          102400 kB\nMemAvailable:    5242880 kB\n");
}

static void expect(uint64_t most, uint64_t available, const char *by) {
  limn_memory_limit memory = limn_memory_limit_read(test_folder);
  cr_assert_eq(memory.most, most * MB, "%llu MB", (unsigned long long)(memory.most / MB));
  cr_assert_eq(memory.available, available * MB, "%llu MB", (unsigned long long)(memory.available / MB));
  cr_assert_str_eq(memory.by, by);
}

Test(memory_limit, of_the_machine) {
  put_machine();
  expect(8192, 5120, "the machine");
  put("proc/self/cgroup", "0::/\n");
  put("sys/fs/cgroup/memory.max", "max\n");
  put("proc/self/limits", "Limit                     Soft Limit           Hard Limit           Units     \n"
                          "Max data size             unlimited            unlimited            bytes     \n"
                          "Max address space         unlimited            unlimited            bytes     \n");
  expect(8192, 5120, "the machine");
}

/* The least of the whole path counts, and the files that a group has in memory are not lost to it. */
Test(memory_limit, of_control_groups_of_version_2) {
  put_machine();
  put("proc/self/cgroup", "0::/user.slice/run 1.scope/inner\n");
  put("sys/fs/cgroup/user.slice/run 1.scope/inner/memory.max", "max\n");
  put("sys/fs/cgroup/user.slice/run 1.scope/memory.max", "2147483648\n");
  expect(2048, 2048, "the control group");
  put("sys/fs/cgroup/user.slice/run 1.scope/memory.current", "1610612736\n");
  put("sys/fs/cgroup/user.slice/run 1.scope/memory.stat",
      "anon 268435456\nfile 1342177280\ninactive_file 1073741824\nactive_file 268435456\n");
  expect(2048, 1792, "the control group");
  put("sys/fs/cgroup/user.slice/memory.max", "1073741824\n");
  expect(1024, 1024, "the control group");
  put("sys/fs/cgroup/user.slice/run 1.scope/inner/memory.max", "536870912\n");
  expect(512, 512, "the control group");
  put("sys/fs/cgroup/user.slice/run 1.scope/inner/memory.current", "1073741824\n");
  cr_assert_eq(limn_memory_limit_read(test_folder).available, 1, "never 0");
}

/* In a container the group is what is mounted, whatever its path on the host. */
Test(memory_limit, of_control_groups_of_version_1) {
  put_machine();
  put("proc/self/cgroup", "12:cpu,cpuacct:/docker/0123\n5:memory:/docker/0123\n0::/system.slice\n");
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  expect(8192, 5120, "the machine");
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n");
  put("sys/fs/cgroup/memory/memory.usage_in_bytes", "805306368\n");
  put("sys/fs/cgroup/memory/memory.stat", "cache 1\ninactive_file 1\ntotal_inactive_file 268435456\n");
  expect(1024, 512, "the control group");
  put("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "268435456\n");
  expect(256, 256, "the control group");
  put("sys/fs/cgroup/unified/system.slice/memory.max", "134217728\n");
  expect(128, 128, "the control group");
}

Test(memory_limit, of_the_process) {
  put_machine();
  put("proc/self/limits", "Max data size             unlimited            unlimited            bytes     \n"
                          "Max address space         3221225472           unlimited            bytes     \n");
  expect(3072, 3072, "the process (ulimit -v)");
  put("proc/self/status", "Name:\tlimn\nVmPeak:\t 9999999 kB\nVmSize:\t 1048576 kB\nVmData:\t  524288 kB\n");
  expect(3072, 2048, "the process (ulimit -v)");
  put("proc/self/limits", "Max data size             1073741824           unlimited            bytes     \n"
                          "Max address space         3221225472           unlimited            bytes     \n");
  expect(1024, 512, "the process (ulimit -d)");
}

Test(memory_limit, of_this_process) {
  const limn_memory_limit before = limn_memory_limit_read(NULL);
  cr_assert(before.most > 64 * MB && before.available > 0 && before.available <= before.most);
#ifndef __SANITIZE_ADDRESS__ /* which has terabytes for itself */
  const struct rlimit limit = {.rlim_cur = 64 * MB, .rlim_max = RLIM_INFINITY};
  cr_assert_eq(setrlimit(RLIMIT_DATA, &limit), 0);
  const limn_memory_limit after = limn_memory_limit_read(NULL);
  cr_assert(after.most == 64 * MB && after.available < 64 * MB, "%llu", (unsigned long long)after.available);
  cr_assert_str_eq(after.by, "the process (ulimit -d)");
#endif
}
