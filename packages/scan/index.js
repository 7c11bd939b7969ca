import { SCAN_WASM } from './dist/scan-wasm.js'

const module = new WebAssembly.Module(Buffer.from(SCAN_WASM, 'base64'))

export function instantiate() {
  return new WebAssembly.Instance(module).exports
}
