// What a sandboxed run has done outside its box, from claim to branch: commits signed by the host's key, a push with the host's token, a request
// to a person across a killed daemon. Real daemons, real bubblewrap, real git and ssh-keygen.

import { chmodSync, existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startForge } from '../daemon/hostexec/forge.ts'
import { without } from '../daemon/sandbox/box-world.ts'
import { fieldOfEachTest } from './field.ts'

const newField = fieldOfEachTest()
const asRoot = process.getuid?.() === 0
/** A daemon of root starts its runs as somebody else. */
const runAs = asRoot ? ['--run-as', 'nobody'] : []
const token = 'forge-token-of-the-identity'

describe.skipIf(without !== null)('a sandboxed run', () => {
  test('commits by the identity, signed, and pushes by the host: a rule for one branch, a person for another', async () => {
    const at = await newField()
    const { world, repo } = at
    if (asRoot) chmodSync(world.root, 0o711)
    const key = join(world.home, 'agent-key')
    await world.run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
    const bare = join(world.root, 'forge/app.git')
    await world.git(world.root, 'clone', '-q', '--bare', repo, bare)
    await world.git(bare, 'config', 'http.receivepack', 'true')
    await using forge = await startForge(join(world.root, 'forge'), token)
    await world.git(repo, 'remote', 'add', 'origin', `http://${forge.host}/app.git`)
    const author = '[author]\nname = "Ada’s agent"\nemail = "agent@example.org"\n'
    const identity = `forgeToken = "${token}"\n${author}[signing]\nkey = "${key}"\n`
    world.write(join(world.home, '.capstan/identities/default.toml'), identity, 0o600)
    const rule = { executable: 'git', argsPrefix: ['push', 'origin', 'HEAD:refs/heads/agent'] }
    const boxed = await at.client.call('createProfile', {
      body: { name: 'boxed', sandbox: { runtime: 'os', hostExec: [rule] } },
    })

    const first = await at.host('one', { args: [...runAs, '--profile', 'boxed'] })
    const script = `
      echo two >b.txt; git add b.txt; git commit -qm 'Add b' || exit 9
      git cat-file commit HEAD | grep -c 'BEGIN SSH'
      grep -rs '${token}' "$HOME" /proc/*/environ /etc "$PWD" >/dev/null && echo LEAK; test -e '${key}' && echo KEY
      tools=$(dirname "$CAPSTAN_MCP_CONFIG"); for f in s bridge.json sign-ssh bin; do mv "$tools/$f" "$tools/x" 2>/dev/null && echo "MOVED $f"; done
      capstan-host-exec git push origin HEAD:refs/heads/agent || exit 8
      capstan-host-exec git push --receive-pack=id origin; echo "refused $?"
      touch asking; capstan-host-exec git push origin HEAD:refs/heads/other; echo "asked $?"`
    const { id } = await at.add(script, { repo: 'app', profiles: [boxed.id], expect: 'changes' })
    const open = async () => (await at.client.call('listTaskRequests', { params: { id } })).items[0]
    const request = await world.until('the request', open)
    expect(request).toMatchObject({
      title: 'run on the host, outside the sandbox: git push origin HEAD:refs/heads/other',
      body: { arguments: ['git', 'push', 'origin', 'HEAD:refs/heads/other'] },
    })
    expect(existsSync(join(globSync(`${world.root}/host-one/worktrees/*/*`)[0] ?? '', 'asking'))).toBe(true)
    await first.stop('SIGKILL')
    await at.host('one', { args: [...runAs, '--profile', 'boxed'] })
    await at.client.call('answerRequest', { params: { id: request.id }, body: { optionId: 'allow' } })
    const done = await at.ended(id)
    expect(done.attempts.at(-1)?.detail ?? '').toBe('')
    expect(await at.said(id)).toEqual(['1', 'refused 126', 'asked 0'])

    const tips = await world.git(bare, 'for-each-ref', '--format=%(objectname)', 'refs/heads/agent', 'refs/heads/other')
    const [tip = ''] = tips.split('\n')
    expect(tips).toBe(`${tip}\n${tip}`)
    world.write(join(world.root, 'signers'), `agent@example.org ${readFileSync(`${key}.pub`, 'utf8')}`)
    const trust = ['-c', `gpg.ssh.allowedSignersFile=${join(world.root, 'signers')}`]
    const signed = await world.git(bare, ...trust, 'log', '-1', '--format=%s %G? %an <%ce>', tip)
    expect(signed).toBe('Add b G Ada’s agent <agent@example.org>')
    const told = (await at.events(id)).flatMap((event) => (event.type === 'notice' ? [event.message] : []))
    expect(told.filter((each) => each.startsWith('ran on the host'))).toEqual([
      expect.stringMatching(
        /^ran on the host: git push origin HEAD:refs\/heads\/agent: exit 0; allowed by the rule git push/,
      ),
      expect.stringMatching(/^ran on the host: git push origin HEAD:refs\/heads\/other: exit 0; allowed by user:local/),
    ])
    expect(JSON.stringify(await at.events(id))).not.toContain(token)
  })
})
