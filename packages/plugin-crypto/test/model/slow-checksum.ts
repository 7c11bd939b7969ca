import { EFAULT, type Operation, type Twin, type World } from '../../../core/test/consumer-twin/slow-common.ts'

/** iterate_and_advance over all of the data, where it lies: nothing is listed or taken. Data in part has no sum. */
export class SlowChecksum implements Twin {
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  submit({ iter }: Operation): number {
    const bytes = iter.count
    if (!iter.left().every((piece) => iter.canRead(piece))) return EFAULT
    this.world.data.zeroCopyBytes += bytes
    return bytes
  }

  complete(): void {}

  close(): void {}
}
