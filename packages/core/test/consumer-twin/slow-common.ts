// What the slow twins have in common: pages as objects, an iterator as the plain list of its pieces, and a run of rows.
// Every folio is one small page; nothing is cached, merged or reused.

export * from './slow-extract.ts'
export * from './slow-iter.ts'
export * from './slow-rows.ts'
export * from './slow-run.ts'
export * from './slow-world.ts'
