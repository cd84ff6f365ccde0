// Which connections a sandboxed run may make: names by strict grammar, ports, and addresses that are public unless the host says otherwise.

import { BlockList, isIP } from 'node:net'
import type { AllowedHost } from '../../protocol/sandbox.ts'

/** One line of the list. `private`: it may stand for an address of this machine or network. */
export interface NetworkRule extends AllowedHost {
  readonly private: boolean
}

export interface Target {
  /** Lower case; addresses without brackets. */
  readonly host: string
  readonly port: number
}

export type Judged<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string }

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const usualPorts = [443, 80]

/**
 * Reads `host:port` as a client sent it. The grammar is narrower than what resolvers take (no zero byte, percent sign, trailing dot, octal or
 * short address), so that what is compared with the list and what is resolved can never be two names.
 */
export function readTarget(authority: string, defaultPort: number | null): Judged<Target> {
  const [, host = '', portText] = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(\d{1,5}))?$/i.exec(authority) ?? []
  const port = portText === undefined ? defaultPort : Number(portText)
  if (host === '' || port === null || port < 1 || port > 65_535) return no('is not a host and port')
  const name = host.toLowerCase()
  const address = name.startsWith('[') ? name.slice(1, -1) : name
  if (isIP(address) !== 0) return { ok: true, value: { host: address, port } }
  const labels = name.split('.')
  const proper = name.length <= 253 && labels.every((each) => label.test(each)) && !/^\d+$/.test(labels.at(-1) ?? '')
  return proper ? { ok: true, value: { host: name, port } } : no('is not a host’s name')
}

/** The rule that allows the target. */
export function allowedBy(rules: readonly NetworkRule[], { host, port }: Target): Judged<NetworkRule> {
  const named = rules.filter((rule) => (rule.wildcard ? host.endsWith(`.${rule.host}`) : host === rule.host))
  if (named.length === 0) return no(isIP(host) === 0 ? 'is not an allowed host' : 'is an address that is not allowed')
  const found = named.find((rule) => (rule.port === null ? usualPorts.includes(port) : rule.port === port))
  return found === undefined ? no(`is not allowed at port ${port}`) : { ok: true, value: found }
}

/** Why this address must not be dialled for the rule, or null. */
export function refusedAddress(address: string, rule: NetworkRule): string | null {
  if (rule.private || !isPrivate(address)) return null
  return `stands for the private address ${address}`
}

/**
 * A rule that names this machine, or a private address, in so many words. Link-local ones, where clouds keep credentials, never count, nor an
 * address of version 4 in the clothes of version 6.
 */
export function isPrivateRule({ host }: AllowedHost): boolean {
  if (host === 'localhost') return true
  if (isIP(host) === 0 || !isPrivate(host)) return false
  return isIP(host) === 4 ? !host.startsWith('169.254.') : host === '::1' || !keys.check(host, 'ipv6')
}

const keys = new BlockList() // of version 6 alone: Node compares an address of version 4 with mapped ones, too
for (const [net, bits] of [
  ['::', 96],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['2002::', 16],
  ['fd00:ec2::', 32], // a cloud's metadata
  ['fe80::', 10],
] as const) {
  keys.addSubnet(net, bits, 'ipv6')
}

const closed = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // shared by carriers, and some clouds' metadata
  ['127.0.0.0', 8],
  ['169.254.0.0', 16], // link-local, clouds' metadata
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3], // multicast, reserved, broadcast
] as const) {
  closed.addSubnet(net, bits, 'ipv4')
}
for (const [net, bits] of [
  ['::', 96], // unspecified, loopback, and the old form of version 4
  ['64:ff9b::', 96], // version 4 behind a translator
  ['64:ff9b:1::', 48],
  ['2002::', 16], // version 4 in a tunnel
  ['2001::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  closed.addSubnet(net, bits, 'ipv6')
}

/** True for every address that is not of the public internet. Source: IANA's special-purpose registries. */
export function isPrivate(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return isPrivate(mapped)
  if (isIP(address) === 4) return closed.check(address, 'ipv4')
  // a mapped address in hexadecimal is checked as the version 4 it stands for
  return closed.check(address, 'ipv6') || /^::ffff:/i.test(address)
}

function no(why: string): { readonly ok: false; readonly why: string } {
  return { ok: false, why }
}
