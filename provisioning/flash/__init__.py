"""Write an image and one box's identity onto a card, and read it all back."""
