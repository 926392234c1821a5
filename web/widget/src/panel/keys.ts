/** Keys, and who they are meant for. */

/**
 * Whether a key belongs to an input method, where Enter chooses a word and Escape drops one. Safari
 * ends the composition before the key that ended it: only the code is left to tell (UI Events,
 * "keyCode for composition": 229).
 */
export function composing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}
