import {
  type ConsumerEnvironment,
  type ConsumerOption,
  flagOption,
  numberOption,
  PAGE_SIZE,
  wordOption,
} from '@pinscope/core'
import { emptySkbBytes, emptyTruesize } from '../skb/skb-sizes.ts'
import type { UbufLimits } from '../skb/ubuf-infos.ts'

const INT_MAX = 0x7fffffff

/** Protocols, as the option `socket` names them. */
export const SOCKET_NAMES = ['tcp', 'udp', 'vsock'] as const
/** Codes of them. */
export const SOCKET_TCP = 0
export const SOCKET_UDP = 1

/** Bytes that TCP puts into an skb over loopback, once its windows are open: one segment of an IP packet of 65535 bytes. */
const LOOPBACK_SEGMENT_BYTES = 65483
/** @kernel include/linux/netdevice.h: GSO_MAX_SIZE (8 * GSO_LEGACY_MAX_SIZE) */
const GSO_MAX_SIZE = 8 * 65536
/** @kernel include/net/tcp.h: TCP_MIN_MSS */
const TCP_MIN_MSS = 88
/** @kernel drivers/net/loopback.c: loopback_setup (64 * 1024) */
const LOOPBACK_MTU = 65536
/** @kernel include/net/ip.h: IPV4_MIN_MTU */
const IPV4_MIN_MTU = 68

/** Charged to a socket for options and notifications at most, by default. @kernel net/core/net_namespace.c: sysctl_optmem_max (6.1: net/core/sock.c) */
const OPTMEM_MAX_6_1 = 20480
const OPTMEM_MAX = 131072

/** What all sockets of a lane are. */
export interface SocketSettings {
  /** `SOCKET_*`. */
  readonly protocol: number
  readonly sizeGoalBytes: number
  readonly mtuBytes: number
  /** SO_ZEROCOPY. */
  readonly hasZerocopy: boolean
  /** The route's device gathers. @kernel NETIF_F_SG */
  readonly hasSg: boolean
  readonly isLoopback: boolean
  /** `zerocopy` rows are SEND_ZC of io_uring. */
  readonly isUring: boolean
  /** What is sent waits for more. */
  readonly isCorked: boolean
}

/** Options of the sockets. */
export const SOCKET_OPTIONS: readonly ConsumerOption[] = [
  { ...wordOption('socket', 'what the sockets are', SOCKET_NAMES), header: 'socket' },
  {
    ...numberOption(
      'size-goal',
      'tcp: payload of an skb at most, what the windows and the device let it be (tcp_xmit_size_goal)',
      'bytes',
      LOOPBACK_SEGMENT_BYTES,
      TCP_MIN_MSS,
      GSO_MAX_SIZE,
    ),
    header: 'size-goal',
  },
  numberOption('mtu', 'udp: packets of the route at most', 'bytes', LOOPBACK_MTU, IPV4_MIN_MTU, LOOPBACK_MTU),
  flagOption('so-zerocopy', 'SO_ZEROCOPY is set on the sockets', 1),
  flagOption('sg-route', 'the device of the route gathers (NETIF_F_SG), and sums: else data is copied', 1),
  {
    ...flagOption('loopback', 'tcp, udp: the packets are received on the same machine: what was not copied is, there'),
    header: 'loopback',
  },
  flagOption('uring', 'a zerocopy row is a SEND_ZC of io_uring, as those with a registered buffer are in any case'),
  flagOption(
    'corked',
    'tcp: an skb that is not full waits for the next send (TCP_CORK, Nagle, a closed window), as with `more`',
  ),
  numberOption(
    'memlock',
    'that the user may have charged for zero-copy sends (RLIMIT_MEMLOCK); 0: the program has CAP_IPC_LOCK',
    'bytes',
    0,
    0,
    INT_MAX * PAGE_SIZE,
  ),
  numberOption(
    'optmem-max',
    `that notifications may charge to a socket (net.core.optmem_max); 0: the default of the version, ${OPTMEM_MAX_6_1} in 6.1 and ${OPTMEM_MAX} in 6.12 and later`,
    'bytes',
    0,
    0,
    INT_MAX,
  ),
]

export function socketSettings({ options }: ConsumerEnvironment): SocketSettings {
  return {
    protocol: options.socket,
    sizeGoalBytes: options['size-goal'],
    mtuBytes: options.mtu,
    hasZerocopy: options['so-zerocopy'] === 1,
    hasSg: options['sg-route'] === 1,
    isLoopback: options.loopback === 1,
    isUring: options.uring === 1,
    isCorked: options.corked === 1,
  }
}

export function ubufLimits({ kernel, options }: ConsumerEnvironment): UbufLimits {
  return {
    skbBytes: emptySkbBytes(kernel),
    truesize: emptyTruesize(kernel),
    optmemBytes: options['optmem-max'] || (kernel === '6.1' ? OPTMEM_MAX_6_1 : OPTMEM_MAX),
    memlockPages: Math.floor(options.memlock / PAGE_SIZE),
  }
}
