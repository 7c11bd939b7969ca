/** No room for more notifications, or no more memory may be locked. @kernel include/uapi/asm-generic/errno.h: ENOBUFS */
export const ENOBUFS = -105
/** The skb has the notification of somebody else. @kernel include/uapi/asm-generic/errno-base.h: EEXIST */
export const EEXIST = -17
