import {
  CONSUMER_API_VERSION,
  defineConsumer,
  flagOption,
  MAX_RW_COUNT,
  numberOption,
  wordOption,
} from '@pinscope/core'
import { Fuse, SIDES } from './fuse.ts'
import { FUSE_COUNTERS } from './fuse-counters.ts'
import {
  DEFAULT_MAX_BACKGROUND,
  DEFAULT_MAX_PAGES,
  DEFAULT_MAX_WRITE,
  MAX_MAX_PAGES,
  MIN_MAX_WRITE,
  SYSCTL_MAX_PAGES,
} from './fuse-sizes.ts'

const FUSE_I_H = 'fs/fuse/fuse_i.h'

/** fuse. */
export const fuse = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'fuse',
  summary: 'direct I/O on FUSE: requests with the pages of the caller, which a server in user space copies',
  kernel: 'fs/fuse/file.c: fuse_get_user_pages, fuse_direct_io',
  accepts: ['ubuf', 'iovec', 'kvec', 'bvec', 'folioq', 'xarray', 'discard', 'pipe'],
  entriesMax: SYSCTL_MAX_PAGES,
  dirtiesDest: true,
  avoided:
    'copyBytes: payload that requests carry in the pages of the caller, and not in pages of the kernel that it is copied ' +
    'through; the copy between these pages and the server stays. entries: pages, each with its descriptor, of kernel ' +
    'memory that a request names by one pointer. allocations: none, since each request has its array all the same.',
  options: [
    numberOption('max-pages', 'of a request, as the server asks', 'pages', DEFAULT_MAX_PAGES, 1, SYSCTL_MAX_PAGES),
    numberOption(
      'max-pages-limit',
      'sysctl fs.fuse.max_pages_limit; before 6.13 it is 256',
      'pages',
      MAX_MAX_PAGES,
      1,
      SYSCTL_MAX_PAGES,
    ),
    numberOption('max-read', 'of a request (max_read=); 0: as much as its pages hold', 'bytes', 0, 0, MAX_RW_COUNT),
    numberOption(
      'max-write',
      'of a request, as the server asks',
      'bytes',
      DEFAULT_MAX_WRITE,
      MIN_MAX_WRITE,
      MAX_RW_COUNT,
    ),
    numberOption(
      'max-background',
      'asynchronous requests without an answer',
      'requests',
      DEFAULT_MAX_BACKGROUND,
      1,
      SYSCTL_MAX_PAGES,
    ),
    flagOption('async', 'rows with an end are asynchronous: all requests are sent at once (FUSE_ASYNC_DIO)', 1),
    flagOption('virtio-fs', 'over virtio-fs, without /dev/fuse: kernel memory as pages since 6.12'),
    wordOption('side', "whose rows these are: the program's, or the server's on /dev/fuse", SIDES),
  ],
  limits: [
    {
      name: 'FUSE_DEFAULT_MAX_PAGES_PER_REQ',
      max: DEFAULT_MAX_PAGES,
      unit: 'pages',
      summary: 'of a request, unless -O fuse.max-pages tells',
      kernel: FUSE_I_H,
    },
    {
      name: 'FUSE_MAX_MAX_PAGES',
      max: MAX_MAX_PAGES,
      unit: 'pages',
      summary: 'that a server can ask for; since 6.13 fuse_max_pages_limit',
      kernel: FUSE_I_H,
    },
    {
      name: 'FUSE_DEFAULT_MAX_BACKGROUND',
      max: DEFAULT_MAX_BACKGROUND,
      unit: 'requests',
      summary: 'asynchronous, without an answer, unless -O fuse.max-background tells',
      kernel: FUSE_I_H,
    },
  ],
  counters: FUSE_COUNTERS,
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: (environment) => new Fuse(environment),
})
