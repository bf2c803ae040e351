/* a /* b */ c */ SELECT 'a''b;', E'\';', "x;""y", (1;2), U&'d', U&"e", N'f', a$b, $1 -- c;
 ;
SET standard_conforming_strings = off;
SELECT 'a\'';', E'b'
'\'';' ;
