/** @pinscope/plugin-bugs: real bugs of kernels, each as a consumer before its fix and one after it. */
export { type Bug, type BugCase, consumerName, consumerOf, defineBug } from './bug.ts'
export { BUGS } from './bugs.ts'
