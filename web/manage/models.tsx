// The catalog of models: those that come with Capstan, folded by provider, and the team's own, which can be changed.

import { useMutation, useQuery } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import type { ModelView } from '../../src/protocol/models.ts'
import { models } from '../data/queries.ts'
import { cache, saidBy, server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { Field } from '../parts/field.tsx'
import { count, plural } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { Card } from '../shell/view.tsx'
import { Removable } from './list.tsx'

export function Models({ admin }: { readonly admin: boolean }) {
  const all = useQuery(models).data ?? []
  const own = all.filter((model) => !model.global)
  const shipped = [
    ...Map.groupBy(
      all.filter((model) => model.global),
      (model) => model.provider,
    ),
  ]
  return (
    <Card title="Models">
      {own.length === 0 && (
        <p className="text-muted">
          A catalog to choose from; it decides nothing. Add a model of your own when a provider has a new one, or you
          run one yourselves.
        </p>
      )}
      <ul>
        {own.map((model) => (
          <Removable
            key={model.id}
            name={model.name}
            queryKey={['models']}
            remove={admin ? () => server.call('removeModel', { params: { id: model.id } }) : null}
          >
            <Model model={model} />
          </Removable>
        ))}
      </ul>
      {shipped.length > 0 && (
        <div className="grid">
          {shipped.map(([provider, some]) => (
            <Provider key={provider} name={provider} models={some} />
          ))}
        </div>
      )}
      {admin && <NewModel />}
    </Card>
  )
}

function Provider({ name, models: some }: { readonly name: string; readonly models: readonly ModelView[] }) {
  return (
    <details className="group border-t border-line">
      <summary className="flex h-9 list-none items-center gap-2 hover:text-text">
        <Icon name="right" className="size-3.5 text-muted transition-transform group-open:rotate-90" />
        <span className="flex-1 font-medium">{name}</span>
        <span className="text-xs text-faint">{plural(some.length, 'model')}, come with Capstan</span>
      </summary>
      <ul className="grid gap-2 pb-3 pl-5.5">
        {some.map((model) => (
          <li key={model.id} className="grid gap-0.5">
            <Model model={model} />
          </li>
        ))}
      </ul>
    </details>
  )
}

function Model({ model }: { readonly model: ModelView }) {
  const { capabilities, description, displayName, name, global } = model
  const { contextWindow, thinkingLevels, supportsTools } = capabilities
  const facts = [
    displayName === name ? '' : displayName,
    contextWindow === undefined ? '' : `${count(contextWindow)} tokens of context`,
    thinkingLevels === undefined || thinkingLevels.length === 0 ? '' : `thinks ${thinkingLevels.join(', ')}`,
    supportsTools === false ? 'no tools' : '',
    description,
  ]
  return (
    <>
      <span className="[overflow-wrap:anywhere]">
        <span className="font-medium">{name}</span>
        {!global && <span className="text-xs text-faint"> {model.provider}</span>}
      </span>
      <span className="text-xs text-muted [overflow-wrap:anywhere]">
        {facts.filter((fact) => fact !== '').join(' · ')}
      </span>
    </>
  )
}

function NewModel() {
  const { mutate, error, isPending } = useMutation({
    mutationFn: (body: { provider: string; name: string; displayName?: string; capabilities?: object }) =>
      server.call('createModel', { body }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ['models'] }),
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const given = new FormData(form)
    const text = (name: string) => String(given.get(name)).trim()
    const contextWindow = Number(text('contextWindow'))
    const body = {
      provider: text('provider'),
      name: text('name'),
      ...(text('displayName') === '' ? {} : { displayName: text('displayName') }),
      ...(text('contextWindow') === '' ? {} : { capabilities: { contextWindow } }),
    }
    mutate(body, { onSuccess: () => form.reset() })
  }
  return (
    <form onSubmit={submit} className="grid gap-2 border-t border-line pt-3">
      <div className="grid grid-cols-2 items-end gap-2">
        <Field label="Provider" name="provider" required placeholder="local" />
        <Field label="New model" name="name" required placeholder="qwen3-coder" />
        <Field label="Shown as" name="displayName" placeholder="The same" />
        <div className="grid grid-cols-[1fr_auto] items-end gap-2">
          <Field
            label="Context, tokens"
            name="contextWindow"
            inputMode="numeric"
            pattern="[0-9]+"
            title="A whole number"
            placeholder="256000"
          />
          <Button type="submit" disabled={isPending}>
            Add
          </Button>
        </div>
      </div>
      {error !== null && (
        <p role="alert" className="text-xs text-bad">
          {saidBy(error)}
        </p>
      )}
    </form>
  )
}
