import { defineBug } from '../bug.ts'
import { UringBuffer } from './buffer.ts'
import { UringRegion } from './region.ts'

export const bug05 = defineBug({
  number: 5,
  title: 'a registration that fails keeps its pins',
  summary:
    'io_uring pins memory first and looks afterwards whether it can use it. Where it could not, the error path did not drop the pins: the descriptor was not there, or the number of pins had been overwritten.',
  cases: [
    {
      name: 'uring-imu',
      kernel: 'io_uring/rsrc.c: io_sqe_buffer_register',
      commit: 'e1c75831f682',
      trace: 'imu.csv',
      rules: ['H-12'],
      row: 4,
      // Two allocations a buffer: the array of pages and the descriptor.
      faults: 'alloc@4',
      accepts: ['ubuf', 'bvec'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new UringBuffer(isFixed),
    },
    {
      name: 'uring-uaddr-map',
      kernel: 'io_uring/io_uring.c: __io_uaddr_map (6.8)',
      commit: '67d1189d1095',
      cve: 'CVE-2024-35831',
      trace: 'uaddr-map.csv',
      rules: ['H-12'],
      row: 4,
      accepts: ['ubuf'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new UringRegion(isFixed),
    },
  ],
})
