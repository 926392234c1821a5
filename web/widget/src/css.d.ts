/** The build gives a style sheet as its minified text, for `CSSStyleSheet.replaceSync`. */
declare module "*.css" {
  const text: string;
  export default text;
}
