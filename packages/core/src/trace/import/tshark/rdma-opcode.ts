import { ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'

/** The transport is in the upper three bits: RC 0x00, UC 0x20, RD 0x40, UD 0x60, congestion 0x80, XRC 0xa0. */
const OPERATION_MASK = 0x1f
const TRANSPORT_CONGESTION = 0x80

/** What a packet with an RDMA header does to the target's memory. */
export interface RdmaOperation {
  readonly name: string
  /** Seen from that memory: a write stores into it, a read fetches from it. */
  readonly direction: number
}

/** Packets that have an RDMA header: they begin an RDMA. @kernel include/rdma/ib_pack.h: IB_OPCODE_RDMA_WRITE_FIRST */
const OPERATIONS: ReadonlyMap<number, RdmaOperation> = new Map([
  [0x06, { name: 'RDMA_WRITE_FIRST', direction: ITER_DEST }],
  [0x0a, { name: 'RDMA_WRITE_ONLY', direction: ITER_DEST }],
  [0x0b, { name: 'RDMA_WRITE_ONLY_WITH_IMMEDIATE', direction: ITER_DEST }],
  [0x0c, { name: 'RDMA_READ_REQUEST', direction: ITER_SOURCE }],
])

/** Packets that have none, from the code to the one before the next: what they are, in the plural. */
const OTHERS: readonly (readonly [code: number, reason: string])[] = [
  [0x00, 'sends'],
  [0x06, 'further packets of a write'],
  [0x0d, 'responses to a read'],
  [0x11, 'acknowledgements'],
  [0x13, 'atomics'],
  [0x15, 'packets of other kinds'],
  [0x16, 'sends'],
  [0x18, 'packets of other kinds'],
]

/** What a packet of that opcode begins: an operation, or the reason why it is none. */
export function rdmaOperation(opcode: number): RdmaOperation | string {
  if ((opcode & ~OPERATION_MASK) === TRANSPORT_CONGESTION) return 'congestion notifications'
  const code = opcode & OPERATION_MASK
  return OPERATIONS.get(code) ?? OTHERS.findLast(([first]) => first <= code)![1]
}
