/** @pinscope/plugin-fs: consumers of file systems, and of memory by address. */
export { afsDir } from './afs-dir/definition.ts'
export { fuse } from './fuse/definition.ts'
export { procMem, processVm } from './process-vm/definition.ts'
