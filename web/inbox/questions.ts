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

/** What is given to one question: options by their places, and words beside them. */
export interface Given {
  readonly chosen: ReadonlySet<number>
  readonly words: string
}

export const nothingGiven: Given = { chosen: new Set(), words: '' }

/** The option is chosen, or is not any more; where only one may be chosen it is chosen instead of another. */
export function chooseOption({ several }: Question, { chosen, words }: Given, option: number): Given {
  const others = several ? [...chosen].filter((each) => each !== option) : []
  return { chosen: new Set(chosen.has(option) ? others : [...others, option]), words }
}

/** The answer in words; '' while nothing is given. */
export function answerOf({ options }: Question, { chosen, words }: Given): string {
  const labels = options.filter((_, i) => chosen.has(i)).map(({ label }) => label)
  return [...labels, words.trim()].filter((each) => each !== '').join(', ')
}
