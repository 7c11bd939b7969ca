import { defineBug } from '../bug.ts'
import { O2netMessages } from './o2net-messages.ts'
import { SiwSend } from './siw-send.ts'
import { SmcSplice } from './smc-splice.ts'

export const bug29 = defineBug({
  number: 29,
  title: 'slab memory handed to zero copy',
  summary:
    'A reference on a page of slab memory keeps the page, and not the object in it. What was sent or spliced in place was used again by others as soon as its owner called kfree().',
  cases: [
    {
      name: 'ocfs2-sendpage',
      kernel: 'fs/ocfs2/cluster/tcp.c: o2net_sendpage, o2net_init',
      commit: '86d7bd6e66e9',
      trace: 'ocfs2.csv',
      rules: ['H-18', 'H-19'],
      row: 2,
      accepts: ['kvec'],
      policy: () => 'extract',
      create: (environment, isFixed) => new O2netMessages(environment, isFixed),
    },
    {
      name: 'smc-splice',
      kernel: 'net/smc/smc_loopback.c: smc_lo_register_dmb; net/smc/smc_rx.c: smc_rx_splice',
      commit: 'a35c04de2565',
      cve: 'CVE-2025-40012',
      trace: 'smc.csv',
      rules: ['H-18', 'H-19'],
      row: 2,
      accepts: ['kvec'],
      policy: () => 'extract',
      create: (environment, isFixed) => new SmcSplice(environment, isFixed),
    },
    {
      name: 'siw-sendpages',
      kernel: 'drivers/infiniband/sw/siw/siw_qp_tx.c: siw_tcp_sendpages',
      commit: '4e1e3dd88a4c',
      cve: 'CVE-2024-53094',
      trace: 'siw.csv',
      rules: ['H-18'],
      row: 3,
      accepts: ['kvec'],
      policy: () => 'extract',
      create: (environment, isFixed) => new SiwSend(environment, isFixed),
    },
  ],
})
