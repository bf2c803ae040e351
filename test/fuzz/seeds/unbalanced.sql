INSERT INTO public.t VALUES E qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq),
	(qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq;';
END;
CREATE F1UNCT