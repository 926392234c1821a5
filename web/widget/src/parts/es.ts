import * as strings from "../strings/es.ts";
import { hand } from "./part.ts";

const { panel, forms, files, emoji, menu } = strings;
hand({ panel, forms, files, emoji, menu });
