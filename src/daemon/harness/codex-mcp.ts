// The run's MCP server as switches of Codex: `-c mcp_servers.NAME.…`, since a file would be the user's own configuration.

import type { McpBridge } from './port.ts'

/** A person may take as long as a request lives (10 h) to answer a tool of ours; Codex gives up after a minute by itself, s. */
const toolTimeoutSec = 36_300

/** Tools of our own server are not asked about: they are how the agent asks. No secrets here: arguments are readable by every user of the host. */
export function mcpSwitches(mcp: McpBridge | null): readonly string[] {
  if (mcp === null) return []
  const set = (key: string, value: string) => ['-c', `mcp_servers.${mcp.name}.${key}=${value}`]
  const env = Object.entries(mcp.env).map(([name, value]) => `${JSON.stringify(name)} = ${JSON.stringify(value)}`)
  return [
    ...set('command', JSON.stringify(mcp.command)),
    ...set('args', JSON.stringify(mcp.args)),
    ...(env.length === 0 ? [] : set('env', `{ ${env.join(', ')} }`)),
    ...set('tool_timeout_sec', String(toolTimeoutSec)),
    ...set('default_tools_approval_mode', '"approve"'),
  ]
}
