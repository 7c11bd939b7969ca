// `npm run demo`: recorded I/O of real programs, replayed through several consumers and policies, with a few words
// around each. Every step is one command that can be typed as it is shown.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const command = 'packages/cli/bin/run.js'

const steps = [
  {
    title: 'Who pins what?',
    words: `
fio did 64 direct reads and writes of 16 KiB, with libaio. For each the kernel must hold the pages of fio's buffer
until the disk is done. Four ways to take them, side by side: get-pages takes a reference on each page (as kernels
before 6.3 did), viro-2022 pins only what a read writes into, extract pins every user page (what kernels do today),
folio pins each contiguous run of a folio once (fio's buffer is small pages, so it gains nothing here). The other
68 operations went through the page cache: they hold nothing.`,
    args: ['replay', 'traces/fio-libaio-randrw.csv', '--policy', 'all'],
    after: 'The kernel itself counted the pins of every row; under extract the model counts the same.',
  },
  {
    title: 'Registered buffers: no pin per operation',
    words: `
The same I/O with io_uring and registered buffers. The buffers are pinned once, for as long as they are registered
("long-term"); the 64 operations take nothing: their pages are listed bare.`,
    args: ['replay', 'traces/fio-uring-fixedbufs.csv'],
  },
  {
    title: 'Another consumer, from a plugin',
    words: `
vhost-scsi puts guest memory into a scatterlist. Nothing in the command knows it: the plugin @pinscope/plugin-vhost
brings it. It holds each page with a reference, where bio pins, and it refuses the two operations on kernel memory
(KVEC and BVEC): a guest has none. This small trace is made by hand.`,
    args: ['replay', 'traces/made/four-policies.csv', '-c', 'bio', '-c', 'vhost-scsi'],
  },
  {
    title: 'What would TLS, a socket or a network file system have done with it?',
    words: `
The same I/O through every consumer, as the kernel has it there: what each holds on the pages, what it copies, what
it builds. A lane a line.`,
    args: ['replay', 'traces/fio-libaio-randrw.csv', '-c', 'all'],
  },
  {
    title: 'Kernel TLS, against what a kernel did',
    words: `
Nine operations on TLS sockets, recorded in Linux 6.1 with the calls that each made. Data that fills a record, or ends
the message, is sealed from the program's own pages, with a reference on each until the record has left; the rest is
copied. Tests compare these calls one by one, with the live count of every page.`,
    args: ['replay', 'traces/ground-truth/consumers-6.1-ktls.csv'],
  },
  {
    title: 'What did the change save?',
    words: `
The argument about iterators began with cifs over RDMA: iterator to page array, to scatterlist, to ib_sge. Since Linux
6.3 the iterator goes straight to ib_sge. sqlite3's I/O on such a mount, in packets, both ways: a quarter fewer list entries,
but more DMA mappings, because a packet now straddles pages. docs/rdma-comparison.md has every trace.`,
    args: ['compare', 'traces/sqlite3.csv', '--base', 'smbdirect-legacy@6.1', '--with', 'smbdirect@6.12'],
  },
  {
    title: 'A reference does not keep everything',
    words: `
An NFS message is a head, pages and a tail. Sent as one list of pages, and by the iterator of kernel memory and pages
that was proposed. The head of the third message was kmalloc'ed, and is freed while the message is on its way: the
first way sends memory that is somebody else's by then. docs/open-questions.md has what each way costs.`,
    args: ['replay', 'traces/made/nfs-messages.csv', '-c', 'sunrpc-bvec', '-c', 'sunrpc-mixed'],
    exitStatus: 1,
  },
  {
    title: 'One operation, drawn',
    words: `
A vectored write of three misaligned segments to a raw disk. Its pages are pinned first; only then does the block
layer find that the memory is not aligned for DMA, refuses with -EINVAL and lets the pages go again. A real kernel
counted those seven pins too.`,
    args: ['explain', 'traces/ground-truth/dio-thp.csv', '--row', '4', '--kernel', '6.18'],
  },
  {
    title: 'What a bug looks like',
    words: `
A trace made by hand: a read that never completes, a pin let go twice, and one let go with put_page(). Exit status
1 is what you want here: it fails a CI job.`,
    args: ['replay', 'traces/made/release-errors.csv'],
    exitStatus: 1,
  },
  {
    title: 'Nothing leaks, and yet',
    words: `
Counts can be right where data is not. Dirty Pipe (CVE-2022-0847): splice puts a page of a file into a pipe and leaves the
flags of its slot as they were; the write that follows changes the file. The code before the fix, from the collection
of thirty real bugs (docs/bugs.md), with the hazard rules listening. Exit status 1 again.`,
    args: [
      ...['audit', 'packages/plugin-bugs/src/bug-43-dirty-pipe/trace.csv'],
      ...['--plugin', 'packages/plugin-bugs', '-c', 'bug-43-splice-before'],
    ],
    exitStatus: 1,
  },
]

for (const [at, { title, words, args, after, exitStatus = 0 }] of steps.entries()) {
  print(`\n=== ${at + 1} of ${steps.length}: ${title} ===\n`)
  print(`${filled(words)}\n`)
  print(`$ pinscope ${args.join(' ')}\n`)
  const { status, signal } = spawnSync(process.execPath, [command, ...args], { cwd: root, stdio: 'inherit' })
  if (signal !== null) process.exit(130)
  if (status !== exitStatus) {
    console.error(`this step was to exit with ${exitStatus}, it exited with ${status}`)
    process.exit(1)
  }
  if (after !== undefined) print(`\n${filled(after)}`)
}
print(`
Your turn: node ${command} --help, and every trace in traces/ (its README tells what each is).`)

function print(text) {
  process.stdout.write(`${text}\n`)
}

/** Fills lines up to 80 columns. */
function filled(text) {
  let line = ''
  const lines = []
  for (const word of text.trim().split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > 80) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line].join('\n')
}
