/*
 * /etc/fstab at boot.
 */
#ifndef FSTAB_H
#define FSTAB_H

/* Mount what /etc/fstab names of the filesystems whose mounting asks no driver (fs_type->at_boot).
 * On the supervisor, when the boot archive is there. What can't be mounted is logged. */
void fstab_mount(void);

#endif
