/**
 * The kernel's names of the arguments, in order, of calls whose effect on files, memory and tasks is followed; of any other call none.
 * @kernel include/linux/syscalls.h: SYSCALL_METADATA
 */
export function followedArguments(name: string): readonly string[] {
  return ARGUMENTS.get(name) ?? []
}

const ARGUMENTS = new Map(
  Object.entries({
    open: 'filename flags mode',
    openat: 'dfd filename flags mode',
    openat2: 'dfd filename how usize',
    creat: 'pathname mode',
    open_by_handle_at: 'mountdirfd handle flags',
    memfd_create: 'uname flags',
    dup: 'fildes',
    dup2: 'oldfd newfd',
    dup3: 'oldfd newfd flags',
    fcntl: 'fd cmd arg',
    fcntl64: 'fd cmd arg',
    close: 'fd',
    close_range: 'fd max_fd flags',
    pipe: 'fildes',
    pipe2: 'fildes flags',
    socketpair: 'family type protocol usockvec',
    clone: 'clone_flags newsp parent_tidptr child_tidptr tls',
    clone3: 'uargs size',
    mmap: 'addr len prot flags fd off',
    mmap2: 'addr len prot flags fd off',
    munmap: 'addr len',
    mremap: 'addr old_len new_len flags new_addr',
  }).map(([name, names]) => [name, names.split(' ')] as const),
)
