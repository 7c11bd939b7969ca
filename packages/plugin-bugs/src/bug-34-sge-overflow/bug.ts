import { type ConsumerOption, flagOption, numberOption } from '@pinscope/core'
import { defineBug } from '../bug.ts'
import { AlgPull } from './alg-pull.ts'
import { PduBvecs } from './pdu-bvecs.ts'
import { SendFolios } from './send-folios.ts'
import { UserBvecs } from './user-bvecs.ts'
import { XdrBvecs } from './xdr-bvecs.ts'

/** @kernel fs/smb/client/smbdirect.h: SMBDIRECT_MAX_SEND_SGE; struct smb_extract_to_rdma: max_sge */
const folioOptions = (sges: number, header: 0 | 1): readonly ConsumerOption[] => [
  numberOption('max-sge', 'entries of an array', 'entries', sges, 1, 256),
  flagOption('header', 'the first entry is of the header of the packet', header),
]

export const bug34 = defineBug({
  number: 34,
  title: 'more entries than the list has room for',
  summary:
    'The walk of a folio queue went on while there was room or something to send, instead of room and something left: it ended with the queue, and entries were written behind the array. The same in others: a look at the room after the store, an entry too many, a length that the peer names.',
  cases: [
    {
      name: 'smbdirect-folioq',
      kernel:
        'fs/smb/client/smbdirect.c: smb_extract_folioq_to_rdma, for smbd_post_send_iter (6 entries, one for the header)',
      commit: 'a379a8a2a003',
      cve: 'CVE-2025-38179',
      trace: 'trace.csv',
      rules: ['H-27'],
      row: 2,
      accepts: ['folioq'],
      entriesMax: 6,
      options: folioOptions(6, 1),
      policy: () => 'extract',
      create: (environment, isFixed) => new SendFolios(environment, isFixed),
    },
    {
      name: 'extract-folioq',
      kernel: 'fs/smb/client/smbdirect.c: smb_extract_folioq_to_rdma, by itself (max_sge 8)',
      commit: 'a379a8a2a003',
      cve: 'CVE-2025-38179',
      trace: 'limit-8.csv',
      rules: ['H-27'],
      row: 2,
      accepts: ['folioq'],
      entriesMax: 8,
      options: folioOptions(8, 0),
      policy: () => 'extract',
      create: (environment, isFixed) => new SendFolios(environment, isFixed),
    },
    {
      name: 'xdr-bvecs',
      kernel: 'net/sunrpc/xdr.c: xdr_buf_to_bvec',
      commit: '42f5b80dda6b',
      cve: 'CVE-2026-72217',
      trace: 'xdr.csv',
      rules: ['H-27'],
      row: 2,
      accepts: ['bvec', 'folioq', 'xarray'],
      entriesMax: 6,
      policy: () => 'extract',
      create: (_environment, isFixed) => new XdrBvecs(isFixed),
    },
    {
      name: 'alg-pull-tsgl',
      kernel: 'crypto/af_alg.c: af_alg_pull_tsgl',
      commit: '31d00156e50e',
      cve: 'CVE-2026-43078',
      trace: 'tsgl.csv',
      rules: ['H-27', 'H-17'],
      row: 2,
      accepts: ['bvec', 'xarray'],
      entriesMax: 16,
      policy: () => 'extract',
      create: (_environment, isFixed) => new AlgPull(isFixed),
    },
    {
      name: 'nvmet-pdu',
      kernel: 'drivers/nvme/target/tcp.c: nvmet_tcp_build_pdu_iovec',
      commit: '52a0a9854934',
      cve: 'CVE-2026-23112',
      trace: 'pdu.csv',
      rules: ['H-27', 'H-28'],
      row: 2,
      accepts: ['bvec'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new PduBvecs(isFixed),
    },
    {
      name: 'netfs-extract-user',
      kernel: 'fs/netfs/iterator.c: netfs_extract_user_iter',
      commit: '0ef37eef83fa',
      cve: 'CVE-2026-64217',
      trace: 'user.csv',
      rules: ['H-27'],
      row: 3,
      faults: 'limit@2',
      accepts: ['ubuf', 'iovec'],
      entriesMax: 4,
      policy: () => 'extract',
      create: (_environment, isFixed) => new UserBvecs(isFixed),
    },
  ],
})
