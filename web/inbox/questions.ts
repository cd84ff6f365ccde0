// The questions of a request, from the shapes in which agents put them.

export interface Question {
  readonly question: string
  readonly options: readonly { readonly label: string; readonly description: string }[]
  /** More than one option may be chosen. */
  readonly several: boolean
}

/** Questions, some with choices. Null: another shape, shown as it is. */
export function questionsOf(value: unknown): readonly Question[] | null {
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
        description: 'description' in each && typeof each.description === 'string' ? each.description : '',
      }
    }),
    several: 'multiSelect' in value && value.multiSelect === true,
  }
}

/** Answers in words: one line for each question, in their order; an option more, or one less, where several may be chosen. */
export function chosen({ several }: Question, before: string, label: string): string {
  if (!several) return label
  const all = before.split(', ').filter((each) => each !== '')
  return (all.includes(label) ? all.filter((each) => each !== label) : [...all, label]).join(', ')
}
