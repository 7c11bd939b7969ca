import type { KernelVersion } from '@pinscope/core'

/**
 * The release whose behaviour each modelled version has: what was mended within its series before that is mended in the
 * model. Here and not in a service, because help names them without loading core.
 */
export const STANDS_FOR: Readonly<Record<KernelVersion, string>> = {
  '6.1': '6.1.176',
  '6.12': '6.12.117',
  '6.18': '6.18.30 and later',
  mainline: '7.3',
}

/** `6.1 stands for 6.1.176, 6.12 for 6.12.117, …` */
export function standsForText(): string {
  return Object.entries(STANDS_FOR)
    .map(([name, release], at) => `${name} ${at === 0 ? 'stands ' : ''}for ${release}`)
    .join(', ')
}
