/** Buffers of a pipe unless fcntl(F_SETPIPE_SZ) says otherwise. @kernel include/linux/pipe_fs_i.h: PIPE_DEF_BUFFERS */
export const PIPE_DEF_BUFFERS = 16

/** Most that the option takes: 16 MiB. Programs without CAP_SYS_RESOURCE get 1 MiB. @kernel fs/pipe.c: pipe_max_size */
export const PIPE_BUFFERS_MAX = 4096

/** Bytes of a buffer's description, 64-bit, the same in all versions. @kernel include/linux/pipe_fs_i.h: struct pipe_buffer */
export const PIPE_BUFFER_BYTES = 40

/** Pages that vmsplice(2) asks for at a time. @kernel fs/splice.c: iter_to_pipe */
export const VMSPLICE_BATCH = 16
