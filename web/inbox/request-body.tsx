// What exactly is asked: the command, the file, the change; nothing summed up, nothing left out.

import { plainText } from '../parts/ansi.ts'

interface BodyProps {
  readonly body: Readonly<Record<string, unknown>>
  readonly title: string
}

export function RequestBody({ body, title }: BodyProps) {
  const change = changeOf(body)
  const rest = Object.entries(body).filter(
    ([key, value]) => !(change?.keys.includes(key) ?? false) && value !== null && value !== '',
  )
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-2 empty:hidden">
      {rest.map(([key, value]) => (
        <Part key={key} name={key} value={value} title={title} />
      ))}
      {change !== null && (
        <pre className="max-h-80 overflow-auto rounded-md border border-line font-mono text-xs leading-5 whitespace-pre-wrap [overflow-wrap:anywhere]">
          {lines(change.old, '−', 'bg-del')}
          {lines(change.new, '+', 'bg-add')}
        </pre>
      )}
    </div>
  )
}

function lines(text: string, sign: string, back: string) {
  if (text === '') return null
  return text.split('\n').map((line, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: lines of one text never change places
    <span key={i} className={`block px-2 ${back}`}>
      {sign} {line}
    </span>
  ))
}

interface Question {
  readonly question: string
  readonly options: readonly { readonly label: string; readonly description: string }[]
}

/** Questions as agents put them: some with choices, each in words. Null: another shape, shown as it is. */
function questionsOf(value: unknown): Question[] | null {
  if (!Array.isArray(value) || value.length === 0) return null
  const questions = value.map(questionOf)
  return questions.every((each) => each !== null) ? questions : null
}

function questionOf(value: unknown): Question | null {
  if (typeof value !== 'object' || value === null || !('question' in value) || typeof value.question !== 'string')
    return null
  const options = 'options' in value && Array.isArray(value.options) ? value.options : []
  return {
    question: value.question,
    options: options.map((each: unknown) => {
      if (typeof each !== 'object' || each === null) return { label: String(each), description: '' }
      return {
        label: 'label' in each ? String(each.label) : JSON.stringify(each),
        description: 'description' in each ? String(each.description) : '',
      }
    }),
  }
}

function Questions({ questions, title }: { readonly questions: readonly Question[]; readonly title: string }) {
  return questions.map(({ question, options }) => (
    <div key={question} className="grid gap-1">
      {question !== title && <p>{plainText(question)}</p>}
      <ul className="grid gap-0.5">
        {options
          .filter(({ description }) => description !== '')
          .map(({ label, description }) => (
            <li key={label} className="text-muted">
              <span className="font-medium text-text">{plainText(label)}</span>: {plainText(description)}
            </li>
          ))}
      </ul>
    </div>
  ))
}

function Part({ name, value, title }: { readonly name: string; readonly value: unknown; readonly title: string }) {
  const questions = name === 'questions' ? questionsOf(value) : null
  if (questions !== null) return <Questions questions={questions} title={title} />
  const text = plainText(typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? ''))
  if (text === title && typeof value === 'string' && !/command/i.test(name)) return null
  return (
    <div className="grid gap-0.5">
      <span className="text-xs text-faint">{name}</span>
      <pre className="max-h-80 overflow-auto rounded-md bg-panel px-2.5 py-1.5 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
        {text}
      </pre>
    </div>
  )
}

interface Change {
  readonly keys: readonly string[]
  readonly old: string
  readonly new: string
}

/** Agents name the two sides of an edit by one of these pairs. */
const pairs = [
  ['old_string', 'new_string'],
  ['oldText', 'newText'],
  ['old', 'new'],
] as const

function changeOf(body: Readonly<Record<string, unknown>>): Change | null {
  for (const [before, after] of pairs) {
    const [old, fresh] = [body[before], body[after]]
    if (typeof old === 'string' && typeof fresh === 'string') return { keys: [before, after], old, new: fresh }
  }
  return null
}
