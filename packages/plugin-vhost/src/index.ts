/** @pinscope/plugin-vhost: consumers for vhost-scsi, 9p and TLS. */
export * from './9p/index.ts'
export * from './tls/index.ts'
export * from './vhost-scsi/index.ts'
