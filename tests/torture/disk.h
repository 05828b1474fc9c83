/* Small disks in memory, which only this process and its children see. */
#ifndef LIMN_TESTS_TORTURE_DISK_H
#define LIMN_TESTS_TORTURE_DISK_H

#include <stdbool.h>

/* Before any of the others: a view of the mounts of this process's own. false: the kernel permits none. */
bool disk_prepare(void);
/* A disk of so many pages of 4096 bytes at the folder, which is made. */
void disk_mount(const char *path, unsigned long pages);
void disk_make_room(const char *path);
void disk_unmount(const char *path);

#endif
