/** TLS: records sent and received, by software or a device. */

export { DEVICE_FRAGS_MAX, MAX_MSG_FRAGS, TLS_MAX_PAYLOAD_SIZE, type TlsProtInfo, tlsProtInfo } from './prot-info.ts'
export { TlsConsumer, tls } from './tls.ts'
export { contentLength, openRecord, sealRecord, type TlsKeys, type TlsWay, tlsKeys } from './tls-crypto.ts'
export { peerBytes, TlsWire } from './tls-wire.ts'
