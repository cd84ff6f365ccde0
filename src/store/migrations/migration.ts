// What a migration is, and the few words in which the two databases' DDL differ.

export interface Words {
  /** A 64-bit integer. */
  readonly int: string
  /** An integer primary key that counts by itself. */
  readonly serial: string
  /** After the closing bracket: rows live in the primary key's tree where the database can do that. */
  readonly clustered: string
}

export interface Migration {
  /** 1, 2, 3 … without a gap. */
  readonly version: number
  readonly name: string
  readonly up: (words: Words) => readonly string[]
}
