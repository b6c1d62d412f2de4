"""fieldrec serve: the recorder that runs all day and answers screens over a socket.

`engine` decides what happens in which phase and is owned by one thread; devices have
threads of their own, as have the socket (`server`) and the news (`teller`).
"""
