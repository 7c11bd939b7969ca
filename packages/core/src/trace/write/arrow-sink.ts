import {
  type Data,
  Message,
  type RecordBatch,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  type Schema,
  type Utf8,
} from 'apache-arrow'
import { invariant } from '../../invariant.ts'

/** Takes record batches and gives the bytes of an IPC file or stream. */
export interface ArrowSink {
  begin(schema: Schema): void
  write(batch: RecordBatch): void
  /** `whole`: each dictionary by its id, when one has come in more than one piece. */
  end(whole: ReadonlyMap<number, Data<Utf8>>): void
  /** The bytes since it was last asked. */
  take(): Uint8Array[]
}

/** `isFile`: with an index at the end, for readers that go to any place of it. */
export function arrowSink(isFile: boolean): ArrowSink {
  const writer = isFile ? new FileWriter() : new StreamWriter()
  return {
    begin: (schema) => void writer.reset(undefined, schema),
    write: (batch) => writer.write(batch),
    end: (whole) => {
      if (writer instanceof FileWriter) writer.indexWhole(whole)
      writer.finish()
    },
    take: () => writer.chunks.splice(0),
  }
}

// apache-arrow's writers have a queue that is emptied by awaiting it. Here bytes are taken whenever a batch is written.

class StreamWriter extends RecordBatchStreamWriter {
  readonly chunks: Uint8Array[] = []

  override _write(chunk: unknown) {
    this._position += keep(this.chunks, chunk)
    return this
  }
}

class FileWriter extends RecordBatchFileWriter {
  readonly chunks: Uint8Array[] = []

  override _write(chunk: unknown) {
    this._position += keep(this.chunks, chunk)
    return this
  }

  /** A file is a stream between two marks, but apache-arrow leaves out the schema at its beginning: pipes need it there. */
  override _writeSchema(schema: Schema) {
    return super._writeSchema(schema)._writeMessage(Message.from(schema))
  }

  /**
   * The index of a file names each dictionary once, as a whole: not every reader knows pieces that are added (polars). Who reads
   * from the front has the pieces, and then each dictionary again.
   */
  indexWhole(dictionaries: ReadonlyMap<number, Data<Utf8>>): void {
    if (dictionaries.size === 0) return
    this._dictionaryBlocks = []
    this._seenDictionaries = new Map()
    for (const [id, data] of dictionaries) this._writeDictionaryBatch(data, id, false)
  }
}

function keep(chunks: Uint8Array[], chunk: unknown): number {
  invariant(ArrayBuffer.isView(chunk), 'apache-arrow writes typed arrays')
  const { buffer, byteOffset, byteLength } = chunk
  if (byteLength > 0) chunks.push(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength))
  return byteLength
}
