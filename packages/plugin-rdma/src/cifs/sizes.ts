/** Header of a packet with payload. @kernel fs/smb/client/smbdirect.h (mainline: fs/smb/smbdirect/pdu.h): struct smbdirect_data_transfer */
export const PACKET_HEADER_BYTES = 24

/** Entries of a packet: its header, and at most five of payload. @kernel SMBDIRECT_MAX_SEND_SGE, since 6.18 SMBDIRECT_SEND_IO_MAX_SGE */
export const PACKET_SGES_MAX = 6

/** SMB2 header and write request, without data. @kernel fs/smb/client/smb2pdu.c: smb2_async_writev (total_len - 1) */
export const SMB_HEADER_BYTES = 112

/** What the header of a read request has more than that of a write. @kernel fs/smb/client/smb2pdu.c: smb2_async_readv (total_len) */
export const READ_BUFFER_BYTES = 1

/** What a request that names a memory registration has more. @kernel fs/smb/common/smb2pdu.h: struct smbdirect_buffer_descriptor_v1 */
export const DESCRIPTOR_BYTES = 16

/** Header of an encrypted message, a kvec and so a packet of its own. @kernel fs/smb/common/smb2pdu.h: struct smb2_transform_hdr */
export const TRANSFORM_HEADER_BYTES = 52

/** @kernel fs/smb/client/smb2pdu.h: SMB2_READWRITE_PDU_HEADER_SIZE */
export const READWRITE_HEADER_BYTES = 112

/** @kernel fs/smb/common/smb2pdu.h: SMB3_DEFAULT_IOSIZE */
export const SMB3_DEFAULT_IOSIZE = 4 * 1024 * 1024

/** Pages of a memory registration at most. @kernel fs/smb/client/smbdirect.c: smbd_max_frmr_depth */
export const MAX_FRMR_DEPTH = 2048

/** What a Windows server grants as the longest registered read or write. @kernel [MS-SMBD] 2.2.2: MaxReadWriteSize */
export const SERVER_READ_WRITE_BYTES = 8 * 1024 * 1024
