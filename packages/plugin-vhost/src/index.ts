/** @pinscope/plugin-vhost: consumers for vhost. */
export { SGLS_MAX, UNALIGNED_SGLS_MAX, vhostScsi } from './vhost-scsi.ts'
