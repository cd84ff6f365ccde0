// The parts of Manage, as the address names them.

export const sections = [
  { section: 'repos', title: 'Repositories' },
  { section: 'profiles', title: 'Profiles' },
  { section: 'models', title: 'Models' },
  { section: 'pools', title: 'Pools' },
  { section: 'members', title: 'Members' },
  { section: 'tokens', title: 'Tokens' },
  { section: 'audit', title: 'Audit log' },
] as const

export type ManageSection = (typeof sections)[number]['section']

/** Reads an address's query. */
export function readSection({ section }: Record<string, unknown>): { section?: ManageSection } {
  const found = sections.find((each) => each.section === section)
  return found === undefined ? {} : { section: found.section }
}
