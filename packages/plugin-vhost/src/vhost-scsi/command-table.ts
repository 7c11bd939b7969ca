import { IovIter, RowPool, type Scatterlists, SegmentTable, SG_NONE, SgTable } from '@pinscope/core'

/** One command between its descriptor and its response. @kernel drivers/vhost/scsi.c: struct vhost_scsi_cmd */
export class Command {
  /** From 1. @kernel se_cmd.map_tag */
  readonly tag: number
  /** List of the data; its `hold` is what is held on the guest's pages. @kernel tvc_sgl, tvc_sgl_count; since 6.18 table */
  readonly table = new SgTable()
  /** List of the protection information. @kernel tvc_prot_sgl, tvc_prot_sgl_count; since 6.18 prot_table */
  readonly protTable = new SgTable()
  /** Arrays that were there before; SG_NONE for none. @kernel tvc_sgl, tvc_prot_sgl; since 6.18 sgl, prot_sgl */
  readonly sgl: number
  readonly protSgl: number
  /** The entries of {@link table} are pages of the host's. @kernel copied_iov */
  isCopied = false
  /** Where a copied read goes in the end. @kernel saved_iter; since 6.18 read_iter */
  readonly readIter = new IovIter()
  /** Bytes of the copied iovec array; 0 when there is none. @kernel saved_iter_addr; since 6.18 read_iov */
  readIovBytes = 0
  private readIov: SegmentTable | null = null

  constructor(tag: number, sgl: number, protSgl: number) {
    this.tag = tag
    this.sgl = sgl
    this.protSgl = protSgl
  }

  /** Keeps a copy of an iterator over user memory, with the segments that it has left. @kernel lib/iov_iter.c: dup_iter */
  dup(iter: IovIter): void {
    this.readIov ??= new SegmentTable()
    const { readIov, readIter } = this
    readIov.clear()
    if (readIter.dup(iter, readIov)) return
    // A UBUF has no array to copy, but the batch that its one segment is in will be read over.
    readIov.pushCopy(iter.table, iter.segment)
    readIter.table = readIov
    readIter.segment = 0
    readIter.segmentFirst = 0
  }
}

/**
 * The commands of a virtqueue: each has a tag, and arrays of its own that are allocated once.
 * @kernel drivers/vhost/scsi.c: struct vhost_scsi_virtqueue (scsi_cmds, scsi_tags)
 */
export class CommandTable {
  /** Commands with a tag. */
  outstanding = 0
  private readonly lists: Scatterlists
  private readonly inlineEntries: number
  private readonly inlineProtEntries: number
  private readonly commands: Command[] = []
  private readonly tags = new RowPool(1)

  /** `inlineEntries`, `inlineProtEntries`: entries that each command has of its own; 0 for no array. */
  constructor(lists: Scatterlists, inlineEntries: number, inlineProtEntries: number) {
    this.lists = lists
    this.inlineEntries = inlineEntries
    this.inlineProtEntries = inlineProtEntries
  }

  /** A command with a tag, of which there must be one. @kernel drivers/vhost/scsi.c: vhost_scsi_get_cmd */
  take(): Command {
    this.outstanding++
    const tag = this.tags.take()
    return tag > this.commands.length ? this.add() : this.at(tag)
  }

  /** The command of a tag. */
  at(tag: number): Command {
    return this.commands[tag - 1]
  }

  /** Clears the tag. @kernel drivers/vhost/scsi.c: vhost_scsi_release_cmd_res */
  give(command: Command): void {
    this.outstanding--
    command.isCopied = false
    command.table.clear()
    command.protTable.clear()
    this.tags.give(command.tag)
  }

  private add(): Command {
    const { lists, commands, inlineEntries, inlineProtEntries } = this
    const sgl = inlineEntries > 0 ? lists.take(inlineEntries) : SG_NONE
    const protSgl = inlineProtEntries > 0 ? lists.take(inlineProtEntries) : SG_NONE
    const command = new Command(commands.length + 1, sgl, protSgl)
    commands.push(command)
    return command
  }
}
