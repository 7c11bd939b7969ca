/** A bug of pinscope itself, never of its input. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/**
 * Throws when something that must hold does not. `message` must be a static text: a template literal is built, and
 * allocates, even when the condition holds.
 */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}

/** Closes a switch: the compiler refuses the call while a case is missing. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`)
}
