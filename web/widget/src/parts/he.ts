import * as strings from "../strings/he.ts";
import { hand } from "./part.ts";

const { panel, forms, files, emoji, menu } = strings;
hand({ panel, forms, files, emoji, menu });
