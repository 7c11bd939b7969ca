/** No limit: more than any operation has. @kernel include/linux/fs.h: MAX_RW_COUNT */
export const NO_LIMIT = 0x7fffffff

/** What the options say of the server and of the file system between it and netfs. */
export interface Server {
  /** Bytes of a read subrequest at most, and of a write one; {@link NO_LIMIT}: netfs sets none itself. @kernel sreq_max_len, wsize */
  readonly rsize: number
  readonly wsize: number
  /** Segments of a subrequest at most; 0: any. @kernel sreq_max_segs */
  readonly segsMax: number
  /** Bytes that one answer brings or takes at most; {@link NO_LIMIT}: all that it was asked for. */
  readonly answerBytes: number
  /** The file system sets the sizes anew for each subrequest, as cifs does. @kernel prepare_read, prepare_write */
  readonly renegotiates: boolean
}

/** The server that the options describe: 0 stands for no limit. */
export function serverOf(options: Readonly<Record<string, number>>): Server {
  const limit = (name: string): number => options[name] || NO_LIMIT
  return {
    rsize: limit('rsize'),
    wsize: limit('wsize'),
    segsMax: options['max-segs'],
    answerBytes: limit('answer-bytes'),
    renegotiates: options.renegotiates !== 0,
  }
}
