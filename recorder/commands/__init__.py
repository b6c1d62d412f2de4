"""What the commands of fieldrec do, apart from reading their options."""
