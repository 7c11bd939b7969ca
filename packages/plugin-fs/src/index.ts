/** @pinscope/plugin-fs: consumers of file systems, and of memory by address. */
export { afsDir } from './afs-dir/definition.ts'
export { fuse } from './fuse/definition.ts'
export { ioUringFixed } from './io-uring-fixed/definition.ts'
export { loop } from './loop/definition.ts'
export { netfsDio } from './netfs-dio/definition.ts'
export { nfsDirect } from './nfs-direct/definition.ts'
export { processVm, procMem } from './process-vm/definition.ts'
export { vring } from './vring/definition.ts'
