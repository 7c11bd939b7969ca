export * from './columns'
export * from './plan'
export { next, scan } from './scan'
