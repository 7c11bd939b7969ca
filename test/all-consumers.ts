import { Registry } from '@pinscope/core'
import crypto from '../packages/plugin-crypto/src/register.ts'
import fs from '../packages/plugin-fs/src/register.ts'
import net from '../packages/plugin-net/src/register.ts'
import rdma from '../packages/plugin-rdma/src/register.ts'
import vhost from '../packages/plugin-vhost/src/register.ts'

/** The consumers of core and of every plugin that the command loads. */
export async function allConsumers(): Promise<Registry> {
  const registry = new Registry()
  for (const [name, register] of Object.entries({ crypto, fs, net, rdma, vhost })) {
    registry.register(`@pinscope/plugin-${name}`, await register())
  }
  return registry
}
