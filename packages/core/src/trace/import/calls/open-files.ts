import { DESCRIPTORS_MAX, FORK_DESCRIPTORS_MAX } from '../../limits.ts'

/**
 * An open file: what dup(2) and fork(2) make further descriptors of, so that the descriptors of one open(2) have its flags in
 * common. @kernel include/linux/fs.h: struct file
 */
export interface OpenFile {
  /** Empty where the recording does not tell it. */
  name: string
  /** O_DIRECT; null where the recording does not tell. F_SETFL changes it. */
  direct: boolean | null
  /** Why I/O on it is none of a file (a socket), as `rows.skip` takes it; null for a file. */
  notFile: string | null
}

interface Descriptor {
  readonly file: OpenFile
  closeOnExec: boolean
}

/** Open files by descriptor: the table of one process, or of several that share it. @kernel include/linux/fdtable.h: struct files_struct */
export class OpenFiles {
  private readonly descriptors = new Map<number, Descriptor>()

  /** What the descriptor stands for, as far as the recording tells. */
  find(fd: number): OpenFile | undefined {
    return this.descriptors.get(fd)?.file
  }

  /** A descriptor for a newly opened file. */
  open(fd: number, file: OpenFile, closeOnExec = false): void {
    if (this.descriptors.size >= DESCRIPTORS_MAX && !this.descriptors.has(fd)) {
      this.descriptors.delete(this.descriptors.keys().next().value ?? fd)
    }
    this.descriptors.set(fd, { file, closeOnExec })
  }

  /** dup(2) and its kin. Of a descriptor that was not seen being opened the copy is none either. */
  duplicate(from: number, to: number, closeOnExec: boolean): void {
    const file = this.find(from)
    if (file === undefined) this.descriptors.delete(to)
    else if (from !== to) this.open(to, file, closeOnExec)
  }

  setCloseOnExec(fd: number, closeOnExec: boolean): void {
    const descriptor = this.descriptors.get(fd)
    if (descriptor !== undefined) descriptor.closeOnExec = closeOnExec
  }

  /** Closes the descriptors from `first` to `last`, both included. */
  close(first: number, last = first): void {
    if (last - first < this.descriptors.size) {
      for (let fd = first; fd <= last; fd++) this.descriptors.delete(fd)
      return
    }
    for (const fd of this.descriptors.keys()) if (fd >= first && fd <= last) this.descriptors.delete(fd)
  }

  /** execve(2): what is to be closed then is closed. */
  exec(): void {
    for (const [fd, { closeOnExec }] of this.descriptors) if (closeOnExec) this.descriptors.delete(fd)
  }

  /** The table of a child: the same open files. Of a long one only its oldest, so that many forks take no long time. */
  copy(): OpenFiles {
    const child = new OpenFiles()
    for (const [fd, descriptor] of this.descriptors) {
      if (child.descriptors.size >= FORK_DESCRIPTORS_MAX) break
      child.descriptors.set(fd, { ...descriptor })
    }
    return child
  }
}

const DEVICES = 'calls on character devices'
const PIPES = 'calls on pipes'
const SOCKETS = 'calls on sockets'
const KERNEL_FILES = 'calls on files of /proc and /sys'
const NAMELESS = 'calls on files of the kernel without a name (eventfd, epoll, io_uring, signalfd)'

/** Character devices that programs read and write. */
const CHARACTER_DEVICE =
  /^\/dev\/(?:null|zero|full|random|urandom|tty\w*|pts\/\d+|ptmx|console|kmsg|mem|kvm|fuse|net\/tun|hwrng|vhost-\w+|std(?:in|out|err))$/

/**
 * Why I/O on what has this name is none of a file, as `rows.skip` takes it; null for a file or a block device, and for an empty
 * name. Names are those of /proc/PID/fd, and what strace -yy makes of them: `TCP:[…]`, `/dev/null<char 1:3>`.
 */
export function notFileOf(name: string): string | null {
  if (name === '') return null
  if (!name.startsWith('/')) {
    if (name.startsWith('pipe:[')) return PIPES
    if (
      /^(?:socket|TCP|TCPv6|UDP|UDPv6|UDPLITE|UDPLITEv6|RAW|RAWv6|PING|PINGv6|UNIX[-A-Z]*|NETLINK|PACKET):\[/.test(name)
    ) {
      return SOCKETS
    }
    return /^(?:anon_inode:|signalfd:|inotify|pid:|[a-z_]+:\[)/.test(name) ? NAMELESS : null
  }
  if (/<char \d+:\d+>$/.test(name) || CHARACTER_DEVICE.test(name)) return DEVICES
  return /^\/(?:proc|sys)\//.test(name) ? KERNEL_FILES : null
}

/** The file of a call that makes descriptors of something that is no file; null when it is none of these. */
export function namelessFile(call: string): OpenFile | null {
  if (/^(?:socket|accept)/.test(call)) return { name: '', direct: false, notFile: SOCKETS }
  if (/^pipe/.test(call)) return { name: '', direct: false, notFile: PIPES }
  if (NAMELESS_CALLS.has(call)) return { name: '', direct: false, notFile: NAMELESS }
  return null
}

const NAMELESS_CALLS = new Set(
  (
    'eventfd eventfd2 epoll_create epoll_create1 signalfd signalfd4 timerfd_create inotify_init inotify_init1 pidfd_open ' +
    'userfaultfd perf_event_open io_uring_setup fanotify_init bpf fsopen fsmount'
  ).split(' '),
)
