// Roles of a team's members.

/** From the least to the most: each may what the ones before it may. */
export const roles = ['viewer', 'member', 'manager', 'owner'] as const
export type Role = (typeof roles)[number]

/** True when `has` may do what needs `needed`. */
export function reaches(has: Role, needed: Role): boolean {
  return roles.indexOf(has) >= roles.indexOf(needed)
}
