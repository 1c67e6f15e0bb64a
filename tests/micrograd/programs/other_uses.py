# What else people do with micrograd: numbers of other kinds, leaves, several calls, forks, threads.
import inspect
import os
import sys
import threading

import numpy as np
from micrograd.engine import Value
for v in (np.float64(2.5), np.float32(1.5), 3, True, float('nan'), 10**30, float('inf')):
    a=Value(v); b=Value(2)
    c=(a*b+a)*a+b**2
    c.backward()
    print(repr(a.grad), repr(b.grad), type(a.grad), type(b.grad), type(c.grad), repr(c.data))
# backward on a leaf; twice on the same root; on an inner node
a=Value(1.0); a.backward(); print(a)
b=a*3; b.backward(); b.backward(); print(a,b)
# int grads stay ints
x=Value(2); y=Value(3); z=x+y; z.backward(); print(x,y,z)
pid=os.fork()
if not pid:
    z=x*y; z.backward(); print('child',x,y,flush=True); os._exit(0)
os.waitpid(pid,0)
# subclass, used only as a subclass
class Sub(Value):
    pass
s=Sub(2.0); t=Value.__mul__(s, Sub(4.0)); t.backward(); print(s, type(s._backward))
print([f.__name__ for f in (Value.backward, Value.__init__)], inspect.signature(Value.__init__))
# deep graph
sys.setrecursionlimit(5000)
v=Value(1.0)
w=v
for i in range(1500): w=w+1
w.backward(); print(v)
try:
    Value(1.0)+None
    (v*None)
except Exception as e: print(type(e))
def go():
    q=Value(2.0); r=q*q; r.backward(); print(q)
th=threading.Thread(target=go); th.start(); th.join()
