"""Whether a box is fit: what fieldrec doctor looks at, and the bundle for the lab."""
