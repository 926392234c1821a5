/** Words that depend on a number, by the plural rules of the language (CLDR, through Intl). */

/** The forms that a language has; `#` stands for the number. */
export type Forms = { readonly [form in Intl.LDMLPluralRule]?: string } & {
  readonly other: string;
};

export function count(tag: string, forms: Forms, n: number): string {
  const form = forms[new Intl.PluralRules(tag).select(n)] ?? forms.other;
  return form.replace("#", new Intl.NumberFormat(tag).format(n));
}
