// The catalog of models: those that come with Capstan, folded by provider, and the team's own, which can be changed.

import { useQuery } from '@tanstack/react-query'
import type { ModelView } from '../../src/protocol/models.ts'
import { models } from '../data/queries.ts'
import { server } from '../data/server.ts'
import { Field } from '../parts/field.tsx'
import { count, plural } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { Entry, Section } from './list.tsx'
import type { Given } from './make-form.tsx'
import { MakeForm } from './make-form.tsx'

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
    <Section
      title="Models"
      about="A catalog to choose from; it decides nothing. Add a model of your own when a provider has a new one, or you run one yourselves."
    >
      <ul>
        {own.map((model) => (
          <Entry
            key={model.id}
            name={model.name}
            queryKey={['models']}
            remove={admin ? () => server.call('removeModel', { params: { id: model.id } }) : null}
            editor={admin ? (done) => <ChangeModel model={model} onDone={done} /> : null}
          >
            <Model model={model} />
          </Entry>
        ))}
      </ul>
      {shipped.length > 0 && (
        <div className="grid">
          {shipped.map(([provider, some]) => (
            <Provider key={provider} name={provider} models={some} />
          ))}
        </div>
      )}
      {admin && (
        <MakeForm
          label="Add a model"
          verb="Add"
          queryKey={['models']}
          make={(given) => server.call('createModel', { body: bodyOf(given) })}
        >
          <Fields />
        </MakeForm>
      )}
    </Section>
  )
}

function ChangeModel({ model, onDone }: { readonly model: ModelView; readonly onDone: () => void }) {
  return (
    <MakeForm
      label={`Change ${model.name}`}
      verb="Save"
      queryKey={['models']}
      make={(given) => server.call('updateModel', { params: { id: model.id }, body: changeOf(given) })}
      onMade={onDone}
      onCancel={onDone}
    >
      <Fields model={model} />
    </MakeForm>
  )
}

function Fields({ model }: { readonly model?: ModelView }) {
  const { provider, name, displayName, description, capabilities } = model ?? {}
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <Field label="Provider" name="provider" required placeholder="local" defaultValue={provider} />
      <Field
        label={model === undefined ? 'New model' : 'Name'}
        name="name"
        required
        placeholder="qwen3-coder"
        defaultValue={name}
      />
      <Field
        label="Shown as"
        name="displayName"
        placeholder="The same"
        defaultValue={displayName === name ? '' : displayName}
      />
      <Field
        label="Context, tokens"
        name="contextWindow"
        inputMode="numeric"
        pattern="[0-9]+"
        title="A whole number"
        placeholder="256000"
        required={capabilities?.contextWindow !== undefined}
        defaultValue={capabilities?.contextWindow}
      />
      <div className="sm:col-span-2">
        <Field label="Description" name="description" placeholder="What it is good for" defaultValue={description} />
      </div>
    </div>
  )
}

/** What was left blank is not told. */
function bodyOf(given: Given) {
  const text = (name: 'displayName' | 'description') => (given(name) === '' ? {} : { [name]: given(name) })
  const contextWindow = given('contextWindow')
  return {
    provider: given('provider'),
    name: given('name'),
    ...text('displayName'),
    ...text('description'),
    ...(contextWindow === '' ? {} : { capabilities: { contextWindow: Number(contextWindow) } }),
  }
}

/** A field that was emptied is empty then; shown as its name. */
function changeOf(given: Given) {
  // Names are kept in small letters.
  const displayName = given('displayName') || given('name').toLowerCase()
  return { ...bodyOf(given), displayName, description: given('description') }
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
