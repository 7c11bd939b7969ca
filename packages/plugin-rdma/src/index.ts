/** @pinscope/plugin-rdma: consumers that build ib_sge lists or register memory with an RDMA device. */
export { nvmeRdma, srp } from './block-mr/definition.ts'
export { DEVICE_NAMES, type Device, type DeviceName, PRESETS } from './device/device.ts'
export { ibUmem } from './ib-umem/definition.ts'
export { rdmaRw } from './rdma-rw/definition.ts'
export { rds } from './rds/definition.ts'
export { iterToMr, smbdMr } from './smbd-mr/definition.ts'
export { smbdirect } from './smbdirect/definition.ts'
export { smbdirectLegacy } from './smbdirect-legacy/definition.ts'
